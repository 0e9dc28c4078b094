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
from vm_lib.initramfs import merged, own_libraries
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
    if refresh or not all(folder.exists() for folder in folders.values()):
        with store.lock("packages"):
            for name, folder in folders.items():
                if refresh or not folder.exists():
                    _fetch(store, of, name, folder)
    return folders


def inside(root: pathlib.Path, name: str) -> pathlib.Path:
    """A file of an unpacked package, whose links from / mean the package's own files."""
    path = root / name.lstrip("/")
    while path.is_symlink():
        path = root / str(path.parent.relative_to(root) / path.readlink()).lstrip("/")
    return path


def elf_machine(program: bytes) -> int:
    return int.from_bytes(program[18:20], "little")


def _names_of(path: pathlib.Path) -> list[str]:
    """A package may still have a file where it was before all moved to /usr."""
    name = "/" + merged(str(path))
    return [name, name.removeprefix("/usr")]


def _package_of(path: pathlib.Path) -> str:
    command = ["dpkg-query", "-S", *_names_of(path)]
    owner = subprocess.run(command, capture_output=True, text=True, check=False)
    if not owner.stdout:
        raise misuse(f"'{path}' comes from no package, so there is none for the guest")
    return owner.stdout.partition(":")[0]


class Libraries:
    """Finds the shared libraries of programs that this machine cannot run."""

    def __init__(self, of: Architecture, roots: Iterable[pathlib.Path]):
        self._of = of
        self._folders: list[pathlib.Path] = []
        self.look_in(roots)

    def look_in(self, roots: Iterable[pathlib.Path]) -> None:
        for root in roots:
            self._folders += [root / folder / self._of.triple for folder in ("lib", "usr/lib")]

    def of(self, program: pathlib.Path) -> dict[str, pathlib.Path]:
        """Where a guest expects each, and where it is; a static program or BPF object needs none."""
        linker = re.search(r"program interpreter: (\S+?)\]", self._readelf("-l", program))
        if not linker:
            return {}
        if elf_machine(program.read_bytes()) != self._of.elf_machine:
            raise misuse(f"'{program}' is no program for {self._of.name}")
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


class Programs:
    """What a guest of another architecture gets in place of this machine's own."""

    def __init__(self, store: Store, of: Architecture, refresh: bool):
        self._store, self._of, self._refresh = store, of, refresh
        folders = self._unpacked(BASE)
        self.busybox = folders["busybox-static"] / "bin/busybox"
        self.dash = folders["dash"] / "bin/dash"
        self.libraries = Libraries(of, folders.values())

    def counterpart(self, path: pathlib.Path) -> pathlib.Path:
        """Instead of an installed program that of the other's package; anything else as it is."""
        if not path.is_file():
            return path
        data = path.read_bytes()
        if not data.startswith(b"\x7fELF") or elf_machine(data) == self._of.elf_machine:
            return path
        owner = _package_of(path)
        needed = {_package_of(library) for library in own_libraries(path).values()}
        folders = self._unpacked({owner, *needed})
        self.libraries.look_in(folders.values())
        for name in _names_of(path):
            found = inside(folders[owner], name)
            if found.exists():
                return found
        raise misuse(f"package '{owner}' has no '{path}' for {self._of.name}")

    def _unpacked(self, names: Iterable[str]) -> dict[str, pathlib.Path]:
        return unpacked(self._store, self._of, names, self._refresh)
