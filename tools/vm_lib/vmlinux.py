# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Takes the uncompressed kernel out of a bzImage.

QEMU boots an ELF vmlinux directly (PVH), which spares the emulated CPU up to three seconds of
decompression, and its .BTF section can be read without booting.
"""

import lzma
import struct
import subprocess

_SETUP_SECTORS_OFFSET = 0x1F1
_PAYLOAD_OFFSET = 0x248  # two 32-bit numbers: where the payload starts and its length
_SECTOR = 512

# What Debian compresses kernels with, by the first bytes.
_TOOLS = {b"\x02\x21\x4c\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd"}
_XZ = b"\xfd7zXZ\0"


def extract(bzimage: bytes) -> bytes:
    """Returns the ELF image; raises ValueError for anything that is not a known bzImage."""
    setup_sectors = bzimage[_SETUP_SECTORS_OFFSET] or 4
    protected_mode_code = (setup_sectors + 1) * _SECTOR
    offset, length = struct.unpack_from("<II", bzimage, _PAYLOAD_OFFSET)
    start = protected_mode_code + offset
    payload = bzimage[start : start + length]
    if payload.startswith(_XZ):
        # The payload ends with its own length, which a one-shot decompress() would stumble over.
        image = lzma.LZMADecompressor().decompress(payload)
    elif payload[:4] in _TOOLS:
        # For the same reason the tools complain at the end; the ELF check below is what counts.
        image = subprocess.run(
            [_TOOLS[payload[:4]], "-dcq"], input=payload, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=False,
        ).stdout  # fmt: skip
    else:
        raise ValueError(f"kernel is compressed in an unknown way, first bytes {payload[:6].hex()}")
    if not image.startswith(b"\x7fELF"):
        raise ValueError("decompressed kernel is no ELF file")
    return image
