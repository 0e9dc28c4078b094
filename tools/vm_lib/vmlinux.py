# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Takes the uncompressed kernel out of what a package has.

x86: QEMU boots an ELF vmlinux directly (PVH), which spares the emulated CPU up to three seconds of
decompression, and its .BTF section can be read without booting. arm64: a plain Image, which newer
packages wrap into an EFI program (zboot) that QEMU 7.2 does not know.
"""

import lzma
import struct
import subprocess

_SETUP_SECTORS_OFFSET = 0x1F1
_PAYLOAD_OFFSET = 0x248  # two 32-bit numbers: where the payload starts and its length
_SECTOR = 512

_ZBOOT_MAGIC = b"MZ\0\0zimg"
_ZBOOT_PAYLOAD_OFFSET = 8  # two 32-bit numbers, as above
_ARM64_MAGIC, _ARM64_MAGIC_OFFSET = b"ARM\x64", 0x38

# What Debian compresses kernels with, by the first bytes.
_TOOLS = {b"\x02\x21\x4c\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b\x08": "gzip"}
_XZ = b"\xfd7zXZ\0"


def _is_arm64(image: bytes) -> bool:
    return image[_ARM64_MAGIC_OFFSET:].startswith(_ARM64_MAGIC)


def _decompress(payload: bytes) -> bytes:
    if payload.startswith(_XZ):
        # The payload ends with its own length, which a one-shot decompress() would stumble over.
        return lzma.LZMADecompressor().decompress(payload)
    for magic, tool in _TOOLS.items():
        if payload.startswith(magic):
            # For the same reason the tools complain at the end; the caller's check is what counts.
            return subprocess.run(
                [tool, "-dcq"], input=payload, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, check=False,
            ).stdout  # fmt: skip
    raise ValueError(f"kernel is compressed in an unknown way, first bytes {payload[:6].hex()}")


def extract(packed: bytes) -> bytes:
    """Returns the ELF image, or arm64's Image; raises ValueError for what is neither inside."""
    if _is_arm64(packed):
        return packed
    if packed.startswith(_ZBOOT_MAGIC):
        offset, length = struct.unpack_from("<II", packed, _ZBOOT_PAYLOAD_OFFSET)
        image = _decompress(packed[offset : offset + length])
        if not _is_arm64(image):
            raise ValueError("decompressed kernel is no arm64 Image")
        return image
    setup_sectors = packed[_SETUP_SECTORS_OFFSET] or 4
    protected_mode_code = (setup_sectors + 1) * _SECTOR
    offset, length = struct.unpack_from("<II", packed, _PAYLOAD_OFFSET)
    start = protected_mode_code + offset
    image = _decompress(packed[start : start + length])
    if not image.startswith(b"\x7fELF"):
        raise ValueError("decompressed kernel is no ELF file")
    return image
