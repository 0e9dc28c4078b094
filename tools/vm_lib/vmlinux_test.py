# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Taking a kernel out of its wrapping."""

import gzip
import struct
import unittest

from vm_lib import vmlinux

_ARM64_IMAGE = b"MZ".ljust(0x38, b"\0") + b"ARM\x64" + b"code"
_ELF = b"\x7fELF" + b"code"


def _zboot(image: bytes) -> bytes:
    payload = gzip.compress(image)
    start = 64
    header = b"MZ\0\0zimg" + struct.pack("<II", start, len(payload))
    return header.ljust(start, b"\0") + payload + b"more of the EFI program"


def _bzimage(image: bytes) -> bytes:
    payload = gzip.compress(image)
    header = bytearray(2 * 512)  # the boot sector and one of setup
    header[0x1F1] = 1
    struct.pack_into("<II", header, 0x248, 0, len(payload))
    return bytes(header) + payload


class ExtractTest(unittest.TestCase):
    def test_an_arm64_image_is_taken_as_it_is(self) -> None:
        self.assertEqual(vmlinux.extract(_ARM64_IMAGE), _ARM64_IMAGE)

    def test_an_arm64_image_is_taken_out_of_its_efi_program(self) -> None:
        self.assertEqual(vmlinux.extract(_zboot(_ARM64_IMAGE)), _ARM64_IMAGE)

    def test_an_elf_image_is_taken_out_of_a_bzimage(self) -> None:
        self.assertEqual(vmlinux.extract(_bzimage(_ELF)), _ELF)

    def test_anything_else_inside_is_refused(self) -> None:
        for packed in (_zboot(_ELF), _bzimage(_ARM64_IMAGE), bytes(2048)):
            with self.assertRaises(ValueError):
                vmlinux.extract(packed)


if __name__ == "__main__":
    unittest.main()
