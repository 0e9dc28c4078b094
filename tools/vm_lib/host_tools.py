# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What this machine must have, checked before anything starts and named all at once."""

import pathlib
import platform
import shutil
from collections.abc import Callable

from vm_lib import apt
from vm_lib.architecture import AMD64, Architecture
from vm_lib.failure import misuse

# program: the Debian package that brings it
_PROGRAMS = {
    "lz4": "lz4",
    "zstd": "zstd",
    "tar": "tar",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
}
# What a guest of our own architecture gets from us; for another one it is fetched (foreign.py).
_OWN = {"busybox": "busybox-static", "dash": "dash", "ldd": "libc-bin"}
_FOREIGN = {"readelf": "binutils"}


def path_of(program: str) -> pathlib.Path:
    return pathlib.Path(shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") or program)


def _is_static(program: pathlib.Path) -> bool:
    """A dynamic ELF program names its linker; busybox without libraries must not."""
    return b"/ld-linux" not in program.read_bytes()


def missing_packages(guest: Architecture, is_there: Callable[[pathlib.Path], bool]) -> list[str]:
    """The Debian packages to install, as far as missing files show it."""
    programs = {guest.qemu: guest.qemu_package, **_PROGRAMS}
    programs.update(_OWN if guest is AMD64 else _FOREIGN)
    packages = [package for program, package in programs.items() if not is_there(path_of(program))]
    if not is_there(apt.KEYRING):
        packages.append("debian-archive-keyring")
    return packages


def check(guest: Architecture) -> None:
    """Fails with the command that helps."""
    if platform.machine() != "x86_64":
        raise misuse(f"guests take our programs, so this must be x86_64, not {platform.machine()}")
    packages = missing_packages(guest, pathlib.Path.exists)
    own = guest is AMD64 and "busybox-static" not in packages
    if own and not _is_static(path_of("busybox")):
        packages.append("busybox-static")  # Debian's 'busybox' is dynamic; this one replaces it
    if packages:
        raise misuse(f"missing on this machine; run: apt-get install {' '.join(packages)}")
