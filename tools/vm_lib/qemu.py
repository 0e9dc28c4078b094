# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Starts one emulated machine, passes its output on, and makes sure that it ends."""

import ctypes
import dataclasses
import os
import pathlib
import select
import signal
import subprocess
import time
from collections.abc import Callable

from vm_lib.architecture import Architecture

# panic=-1 with -no-reboot ends QEMU at once when the kernel dies, instead of at the time limit.
_KERNEL_ARGUMENTS = "panic=-1 oops=panic loglevel=6 random.trust_cpu=on net.ifnames=0"
_PR_SET_PDEATHSIG = 1


@dataclasses.dataclass(frozen=True)
class Machine:
    """All that distinguishes one machine from another."""

    architecture: Architecture
    vmlinux: pathlib.Path
    initramfs: pathlib.Path
    console: pathlib.Path
    events: pathlib.Path
    out_archive: pathlib.Path
    memory: str
    extra_arguments: str
    virtual_time: bool
    disk: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Ending:
    """How QEMU itself ended."""

    timed_out: bool
    seconds: float
    errors: str


def command_line(machine: Machine) -> list[str]:
    """One emulated CPU: with two and MTTCG, QEMU 7.2 loses a race with the kernel's text patching.

    Never KVM: where this runs in a virtual machine itself, Debian's kernels do not boot under it.
    """
    board = machine.architecture
    command = [board.qemu, *board.board, "-smp", "1", "-m", machine.memory]
    command += ["-accel", "tcg,thread=single,tb-size=256", "-nodefaults", "-no-user-config"]
    command += ["-display", "none", "-nic", "none", "-no-reboot"]
    command += ["-kernel", str(machine.vmlinux), "-initrd", str(machine.initramfs)]
    arguments = f"console={board.console} {_KERNEL_ARGUMENTS} {machine.extra_arguments}".strip()
    command += ["-append", arguments]
    if machine.virtual_time:
        # The guest's clock counts instructions and skips idle time: no dependence on our load.
        command += ["-icount", "shift=3,sleep=off"]
    if machine.disk:
        # What the guest writes is gone with it.
        command += ["-drive", f"file={machine.disk},format=raw,if=virtio,snapshot=on"]
    command += ["-chardev", "stdio,id=output,signal=off"]
    for name in ("console", "events", "out_archive"):
        command += ["-chardev", f"file,id={name},path={getattr(machine, name)}"]
    ports = ("console", "output", "events", "out_archive")
    command += [word.format(*ports) for word in board.ports]
    return command


def _die_with_parent() -> None:
    """Runs in the child: a killed runner must not leave a machine behind that nobody knows."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(machine: Machine, time_limit: float, on_output: Callable[[bytes], None]) -> Ending:
    """Returns when the machine has stopped, or was stopped at the limit (in our time, not its)."""
    started = time.monotonic()
    deadline = started + time_limit
    timed_out = False
    with open(machine.events.with_name("qemu.stderr"), "w+") as errors:
        process = subprocess.Popen(
            command_line(machine), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            preexec_fn=_die_with_parent,
        )  # fmt: skip
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                    timed_out = True
                    break
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                on_output(data)
        finally:
            if timed_out or process.poll() is None:
                # End of output without the end of QEMU happens only in its last moments.
                _stop(process, at_once=timed_out)
            process.stdout.close()
        errors.seek(0)
        return Ending(timed_out, time.monotonic() - started, errors.read().strip())


def _stop(process: subprocess.Popen[bytes], at_once: bool) -> None:
    if not at_once:
        try:
            process.wait(timeout=5)
            return
        except subprocess.TimeoutExpired:
            pass
    process.kill()
    process.wait()
