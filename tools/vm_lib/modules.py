# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Which modules to load, and in which order, read from the modules themselves.

The packages carry no modules.dep (it is made at installation), but each module names what it needs.
"""

import lzma
import pathlib
import re
from collections.abc import Callable, Iterable

from vm_lib.failure import misuse

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def normal_name(name: str) -> str:
    """File names and module names differ in '-' and '_'."""
    return name.replace("-", "_")


def dependencies(module: bytes) -> list[str]:
    """The names in a module's .modinfo section."""
    found = _DEPENDS.search(b"\0" + module)
    return [normal_name(n) for n in found[1].decode().split(",") if n] if found else []


def load_order(wanted: Iterable[str], depends: Callable[[str], list[str]]) -> list[str]:
    """The wanted modules and all they need, each after what it needs."""
    order: list[str] = []
    visited: set[str] = set()

    def visit(name: str) -> None:
        if name in visited:
            return
        visited.add(name)
        for dependency in depends(name):
            visit(dependency)
        order.append(name)

    for name in wanted:
        visit(normal_name(name))
    return order


class ModuleFolder:
    """The modules of one unpacked kernel."""

    def __init__(self, kernel_folder: pathlib.Path, release: str):
        self._folder = kernel_folder / "modules"
        self._release = release
        builtin = kernel_folder / "modules.builtin"
        paths = builtin.read_text().split() if builtin.exists() else []
        self._builtin = {normal_name(pathlib.PurePath(path).stem) for path in paths}
        self._loaded: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        """The module, uncompressed: busybox's insmod cannot read .ko.xz."""
        if name not in self._loaded:
            plain, packed = self._folder / f"{name}.ko", self._folder / f"{name}.ko.xz"
            if packed.exists():
                self._loaded[name] = lzma.decompress(packed.read_bytes())
            elif plain.exists():
                self._loaded[name] = plain.read_bytes()
            else:
                raise misuse(f"kernel {self._release} has no module '{name}'")
        return self._loaded[name]

    def in_load_order(self, wanted: Iterable[str]) -> list[tuple[str, bytes]]:
        """Built-in modules need no loading; a name the kernel does not know is an error."""

        def depends(name: str) -> list[str]:
            return [] if name in self._builtin else dependencies(self.read(name))

        order = load_order(wanted, depends)
        return [(name, self.read(name)) for name in order if name not in self._builtin]
