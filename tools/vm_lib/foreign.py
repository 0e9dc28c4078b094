# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Programs and libraries of another architecture: fetched and unpacked, never installed.

They come from the Debian release that this machine has, and stay in the cache:
    <cache>/packages/arm64/<name>/
"""

import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable

from vm_lib.architecture import Architecture
from vm_lib.failure import Failure, fetch_failure, misuse
from vm_lib.store import Store, note

# What a guest needs besides the caller's programs: a shell, and the libraries of C and C++.
BASE = ("busybox-static", "dash", "libc6", "libgcc-s1", "libstdc++6")


def _release() -> str:
    name = platform.freedesktop_os_release().get("VERSION_CODENAME")
    if not name:
        raise misuse("/etc/os-release does not say which Debian release this is")
    return name


def _fetch(store: Store, of: Architecture, name: str, folder: pathlib.Path) -> None:
    problems = []
    for suite_name in (_release(), _release() + "-security"):
        suite = store.suite(suite_name, of)
        with tempfile.TemporaryDirectory(dir=store.cache, prefix="fetch-") as work_name:
            work = pathlib.Path(work_name)
            try:
                suite.update(even_if_fresh=False)
                suite.download([name], work)
            except Failure as failure:
                problems.append(f"'{suite_name}': {failure}")
                continue
            (package,) = work.glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", package, work / "root"], check=True)
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            (work / "root").rename(folder)  # appears complete or not at all
            note(f"fetched {package.name} from {suite_name}")
            return
    raise fetch_failure(f"package '{name}' for {of.name} cannot be had: " + "; ".join(problems))


def unpacked(
    store: Store, of: Architecture, names: Iterable[str], refresh: bool = False
) -> dict[str, pathlib.Path]:
    """The folder of each package, fetched where it is not there yet."""
    folders = {name: store.cache / "packages" / of.name / name for name in names}
    with store.lock("packages"):
        for name, folder in folders.items():
            if refresh or not folder.exists():
                _fetch(store, of, name, folder)
    return folders


def elf_machine(program: bytes) -> int:
    return int.from_bytes(program[18:20], "little")


class Libraries:
    """Finds the shared libraries of programs that this machine cannot run."""

    def __init__(self, of: Architecture, roots: Iterable[pathlib.Path]):
        self._of = of
        self._folders = [
            root / folder / of.triple for root in roots for folder in ("lib", "usr/lib")
        ]

    def of(self, program: pathlib.Path) -> dict[str, pathlib.Path]:
        """Where a guest expects each, and where it is; a static program needs none."""
        if elf_machine(program.read_bytes()) != self._of.elf_machine:
            raise misuse(f"'{program}' is no program for {self._of.name}")
        linker = re.search(r"program interpreter: (\S+?)\]", self._readelf("-l", program))
        if not linker:
            return {}
        linker_name = pathlib.PurePath(linker[1]).name  # which libc needs too, by its name
        found = {linker_name: (linker[1], self._find(linker_name, program))}
        waiting = [program]
        while waiting:
            for name in re.findall(r"\(NEEDED\).*\[(\S+)\]", self._readelf("-d", waiting.pop())):
                if name not in found:
                    library = self._find(name, program)
                    found[name] = (f"/usr/lib/{self._of.triple}/{name}", library)
                    waiting.append(library)
        return dict(found.values())

    def _readelf(self, what: str, program: pathlib.Path) -> str:
        return subprocess.check_output(["readelf", "-W", what, program], text=True)

    def _find(self, name: str, program: pathlib.Path) -> pathlib.Path:
        for folder in self._folders:
            if (folder / name).exists():
                return folder / name
        raise misuse(f"'{program}' needs {name}, which no package unpacked for {self._of.name} has")
