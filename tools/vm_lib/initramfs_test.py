# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The guest's file system: the archive format and what goes into it."""

import os
import pathlib
import tempfile
import unittest

from vm_lib import initramfs
from vm_lib.cpio import CpioWriter
from vm_lib.failure import Failure
from vm_lib.initramfs import Initramfs


def read_archive(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Name to (mode, data), in the archive's order. Knows only what newc(5) says."""
    entries: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701", f"no header at {at}"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = archive[at + 110 : at + 110 + name_size - 1].decode()
        data_at = -(-(at + 110 + name_size) // 4) * 4
        if name == "TRAILER!!!":
            return entries
        entries[name] = (mode, archive[data_at : data_at + size])
        at = -(-(data_at + size) // 4) * 4


class CpioWriterTest(unittest.TestCase):
    def test_what_is_written_can_be_read(self) -> None:
        writer = CpioWriter()
        writer.file("etc/five", b"12345")
        writer.file("bin/tool", b"", executable=True)
        writer.link("sbin", "bin")
        entries = read_archive(writer.finish())
        self.assertEqual(entries["etc/five"], (0o100644, b"12345"))
        self.assertEqual(entries["bin/tool"], (0o100755, b""))
        self.assertEqual(entries["sbin"], (0o120777, b"bin"))

    def test_parents_come_before_their_children(self) -> None:
        writer = CpioWriter()
        writer.file("/a/b/c", b"")
        self.assertEqual(list(read_archive(writer.finish())), ["a", "a/b", "a/b/c"])

    def test_the_first_entry_of_a_name_stays(self) -> None:
        writer = CpioWriter()
        writer.file("name", b"first")
        writer.file("/name/", b"second")
        self.assertEqual(read_archive(writer.finish())["name"][1], b"first")

    def test_the_same_input_gives_the_same_bytes(self) -> None:
        def once() -> bytes:
            writer = CpioWriter()
            writer.file("a/b", b"data")
            return writer.finish()

        self.assertEqual(once(), once())


class MergedTest(unittest.TestCase):
    def test_old_and_new_places_of_programs_are_one(self) -> None:
        self.assertEqual(initramfs.merged("/bin/sh"), "usr/bin/sh")
        self.assertEqual(initramfs.merged("/usr/bin/sh"), "usr/bin/sh")
        self.assertEqual(initramfs.merged("/lib64/ld.so"), "usr/lib64/ld.so")
        self.assertEqual(initramfs.merged("/library/x"), "library/x")


class AddTest(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def added(self, source: pathlib.Path) -> dict[str, tuple[int, bytes]]:
        image = Initramfs()
        image.add(source, "/there")
        return read_archive(image.finish())

    def test_a_folder_brings_what_its_links_name(self) -> None:
        (self.folder / "sub").mkdir()
        (self.folder / "sub" / "file").write_text("data")
        (self.folder / "link").symlink_to("sub/file")
        entries = self.added(self.folder)
        self.assertEqual(entries["there/sub/file"][1], b"data")
        self.assertEqual(entries["there/link"], (0o100644, b"data"))

    def test_a_link_to_a_folder_above_does_not_go_on_for_ever(self) -> None:
        (self.folder / "up").symlink_to(".")
        self.assertNotIn("there/up/up", self.added(self.folder))

    def test_a_program_brings_its_libraries(self) -> None:
        names = list(self.added(pathlib.Path(os.path.realpath("/bin/ls"))))
        self.assertTrue(any("libc.so" in name for name in names), names)
        self.assertTrue(any("/ld-linux" in name for name in names), names)

    def test_what_does_not_exist_is_an_error_that_names_it(self) -> None:
        with self.assertRaisesRegex(Failure, "absent"):
            self.added(self.folder / "absent")


if __name__ == "__main__":
    unittest.main()
