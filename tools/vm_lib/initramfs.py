# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Builds the guest's file system: busybox, dash, the modules and whatever the caller adds."""

import os
import pathlib
import re
import subprocess
from collections.abc import Callable, Iterable

from vm_lib.cpio import CpioWriter
from vm_lib.failure import misuse

_ELF = b"\x7fELF"
_MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
_FOLDERS = (
    "dev", "etc", "mnt", "out", "proc", "root", "run", "sys", "tmp", "var/lib", "var/log",
    "usr/bin", "usr/sbin", "usr/lib/busybox", "usr/lib/vm/modules", "usr/lib64", "usr/local/bin",
)  # fmt: skip


def merged(path: str) -> str:
    """A path in the guest, where /bin and /usr/bin are one as on any newer Debian."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if parts and parts[0] in _MERGED:
        parts[0] = _MERGED[parts[0]]
    return "/".join(parts)


def own_libraries(program: pathlib.Path) -> dict[str, pathlib.Path]:
    """Where a guest expects the shared libraries, the dynamic linker among them, and where each is.

    That is the same place: the guest is like this machine. A static program has none.
    """
    ldd = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    missing = re.findall(r"^\s*(\S+) => not found", ldd.stdout, re.MULTILINE)
    if missing:
        raise misuse(f"'{program}' needs {', '.join(missing)}, which this machine does not have")
    return {path: pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", ldd.stdout)}


class Initramfs:
    """The archive under construction."""

    def __init__(
        self, libraries: Callable[[pathlib.Path], dict[str, pathlib.Path]] = own_libraries
    ) -> None:
        self._libraries = libraries
        self._cpio = CpioWriter()
        for folder in _FOLDERS:
            self._cpio.folder(folder)
        for name, target in _MERGED.items():
            self._cpio.link(name, target)
        self._cpio.link("var/run", "/run")
        self._cpio.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        self._cpio.file("etc/group", b"root:x:0:\n")
        self._cpio.file("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")

    def add_base(self, busybox: pathlib.Path, dash: pathlib.Path) -> None:
        """The shell is dash: busybox's own runs its ip, tc and ping applets whatever PATH says."""
        folder = pathlib.Path(__file__).parent
        self._cpio.file("init", (folder / "guest_init.sh").read_bytes(), executable=True)
        self._cpio.file("usr/lib/vm/run", (folder / "guest_run.sh").read_bytes())
        self._cpio.file("usr/bin/busybox", busybox.read_bytes(), executable=True)
        self._cpio.link("usr/bin/env", "busybox")  # scripts name it by its path
        self.add(dash, "/bin/sh")

    def add_command(self, script: str) -> None:
        self._cpio.file("usr/lib/vm/command", script.encode())

    def hand_over_to_disk(self) -> None:
        """The systemd on the first disk takes over when the modules are there."""
        self._cpio.file("usr/lib/vm/root", b"")

    def add_kernel_config(self, release: str, config: pathlib.Path) -> None:
        """libbpf looks there when an object asks for a CONFIG_ value."""
        if config.exists():
            self._cpio.file(f"boot/config-{release}", config.read_bytes())

    def add_modules(self, modules: Iterable[tuple[str, bytes]]) -> None:
        modules = list(modules)
        for name, data in modules:
            self._cpio.file(f"usr/lib/vm/modules/{name}.ko", data)
        order = "".join(f"{name}\n" for name, _ in modules)
        self._cpio.file("usr/lib/vm/modules.order", order.encode())

    def add(self, source: pathlib.Path, destination: str) -> None:
        """Adds a file, or a folder with all that is in it; links are replaced by what they name."""
        self._add(source, merged(destination), ())

    def _add(self, source: pathlib.Path, destination: str, parents: tuple[str, ...]) -> None:
        if source.is_dir():
            real = os.path.realpath(source)
            if real in parents:
                return  # a link to a folder above it: following it would never end
            self._cpio.folder(destination)
            for child in sorted(source.iterdir()):
                self._add(child, f"{destination}/{child.name}", (*parents, real))
            return
        if not source.is_file():
            raise misuse(f"--add: '{source}' is neither a file nor a folder")
        data = source.read_bytes()
        self._cpio.file(destination, data, executable=os.access(source, os.X_OK))
        if data.startswith(_ELF) and os.access(source, os.X_OK):
            for name, library in self._libraries(source).items():
                path = merged(name)
                if path not in self._cpio:
                    self._cpio.file(path, library.read_bytes(), executable=True)

    def finish(self) -> bytes:
        return self._cpio.finish()
