# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What differs between the machines that can be emulated."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A kind of machine, by Debian's name."""

    name: str
    qemu: str  # the program ...
    qemu_package: str  # ... and the package that brings it
    board: tuple[str, ...]
    console: str
    # Four ports of the 16550 kind: console, output, events, files (guest_init.sh).
    ports: tuple[str, ...]
    elf_machine: int
    triple: str


AMD64 = Architecture(
    name="amd64",
    qemu="qemu-system-x86_64",
    qemu_package="qemu-system-x86",
    board=("-M", "q35", "-cpu", "max"),
    console="ttyS0",
    ports=("-serial", "chardev:{0}", "-serial", "chardev:{1}", "-serial", "chardev:{2}", "-serial", "chardev:{3}"),
    elf_machine=62,
    triple="x86_64-linux-gnu",
)  # fmt: skip

ARM64 = Architecture(
    name="arm64",
    qemu="qemu-system-aarch64",
    qemu_package="qemu-system-arm",
    board=("-M", "virt,gic-version=3", "-cpu", "cortex-a76"),
    console="ttyAMA0",
    # The board has one port, of another kind; a card brings the rest, with ttyS0 unused so that
    # the guest's init need not know.
    ports=(
        "-serial", "chardev:{0}", "-chardev", "null,id=unused",
        "-device", "pci-serial-4x,chardev1=unused,chardev2={1},chardev3={2},chardev4={3}",
    ),
    elf_machine=183,
    triple="aarch64-linux-gnu",
)  # fmt: skip


def of_release(release: str) -> Architecture:
    """Debian's kernels end in their architecture, or in it and a size of pages."""
    return ARM64 if "arm64" in release.split("-") else AMD64
