# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Programs of another architecture, with this machine's own in the role of the other's."""

import dataclasses
import pathlib
import tempfile
import unittest

from vm_lib import foreign
from vm_lib.architecture import AMD64, ARM64
from vm_lib.failure import Failure

_PROGRAM = pathlib.Path("/bin/dash")
_ROOT = pathlib.Path("/")


class InsideTest(unittest.TestCase):
    def test_a_link_from_the_root_stays_in_the_package(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("bin", "sbin"):
                (root / name).mkdir()
            (root / "bin/dash").write_text("theirs")
            (root / "sbin/absolute").symlink_to("/bin/dash")
            (root / "sbin/relative").symlink_to("../bin/dash")
            for name in ("/bin/dash", "/sbin/absolute", "/sbin/relative"):
                self.assertEqual(foreign.inside(root, name).read_text(), "theirs")


class LibrariesTest(unittest.TestCase):
    def test_finds_the_linker_and_the_library_of_c(self) -> None:
        found = foreign.Libraries(AMD64, [_ROOT]).of(_PROGRAM)
        self.assertEqual(
            set(found), {"/lib64/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/libc.so.6"}
        )
        for path in found.values():
            self.assertTrue(path.exists())

    def test_a_static_program_needs_none(self) -> None:
        self.assertEqual(foreign.Libraries(AMD64, []).of(pathlib.Path("/bin/busybox")), {})

    def test_a_program_of_a_third_architecture_is_refused(self) -> None:
        with self.assertRaisesRegex(Failure, "'/bin/dash' is no program for arm64"):
            foreign.Libraries(ARM64, [_ROOT]).of(_PROGRAM)

    def test_a_library_that_is_nowhere_is_named(self) -> None:
        nowhere = dataclasses.replace(AMD64, triple="nowhere-linux-gnu")
        with self.assertRaisesRegex(Failure, "'/bin/dash' needs ld-linux"):
            foreign.Libraries(nowhere, [_ROOT]).of(_PROGRAM)


if __name__ == "__main__":
    unittest.main()
