# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Writes the archive format of an initramfs ("newc"), so that no cpio tool is needed."""

import stat


class CpioWriter:
    """Collects entries in memory; parents appear before their children, as the kernel wants it.

    Everything belongs to root and has no time stamp: the same input gives the same bytes.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name.strip("/") in self._names

    def folder(self, name: str) -> None:
        self._entry(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name: str, data: bytes, executable: bool = False) -> None:
        self._entry(name, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def link(self, name: str, target: str) -> None:
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def _entry(self, name: str, mode: int, data: bytes) -> None:
        """The first entry of a name stays: a later one would be merged with it by the kernel."""
        name = name.strip("/")
        if not name or name in self._names:
            return
        parent = name.rpartition("/")[0]
        if parent:
            self.folder(parent)
        self._names.add(name)
        self._append(name, mode, data)

    def _append(self, name: str, mode: int, data: bytes) -> None:
        encoded = name.encode() + b"\0"
        inode = len(self._names)
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        self._data += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._pad()
        self._data += data
        self._pad()

    def _pad(self) -> None:
        self._data += bytes(-len(self._data) % 4)

    def finish(self) -> bytes:
        self._append("TRAILER!!!", 0, b"")
        return bytes(self._data)
