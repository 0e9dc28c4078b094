# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The command line of tools/vm, and the order of a run: find, pack, boot, judge."""

import argparse
import os
import pathlib
import resource
import shlex
import signal
import subprocess
import sys
import tempfile

from vm_lib import catalogue, foreign, host_tools, modules, qemu, verdict
from vm_lib.architecture import AMD64
from vm_lib.failure import Code, Failure, misuse
from vm_lib.initramfs import Initramfs
from vm_lib.store import Kernel, Store, default_cache, note

_KEPT_CONSOLES = 20
_DISK_MODULES = ("virtio_pci", "virtio_blk", "ext4")

_DESCRIPTION = """\
Boots a Debian kernel in QEMU (no KVM, nothing installed, no disk) and runs COMMAND in it as root.
Output is passed on as it comes. One argument is a line for the shell, several are words.
"""
_EPILOG = f"""\
kernels: {', '.join(catalogue.SERIES)}, or a cached release that --list shows

exit codes: the command's, or
  {Code.FETCH:d} fetch: no kernel package could be had
  {Code.BOOT:d} boot: kernel or a module did not come up, the command was not started
  {Code.KERNEL:d} kernel: it died or complained (Oops, BUG, WARNING) while the command ran
  {Code.TIME_LIMIT:d} time limit: the command was still running
  {Code.MISUSE:d} misuse: wrong arguments, or a program is missing on this machine

examples:
  tools/vm 5.10 -- uname -r
  tools/vm --mod veth,sch_netem --add /usr/sbin/tc --add test.sh:/test.sh newest -- sh /test.sh
  tools/vm --out results 6.1 -- 'dmesg > /out/dmesg'
"""


class _Parser(argparse.ArgumentParser):
    """argparse exits with 2, which a command may do as well."""

    def error(self, message: str) -> None:
        raise misuse(f"{message}; see tools/vm --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tools/vm",
        usage="tools/vm [options] KERNEL -- COMMAND...",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("kernel", nargs="?", metavar="KERNEL", help="which kernel, see below")
    add("--add", action="append", default=[], metavar="SRC[:DST]",
        help="put a file or folder into the guest, at the same path unless DST is given;"
        " programs bring their shared libraries; those of this machine's packages are replaced by"
        " the same of the guest's architecture")
    add("--mod", action="append", default=[], metavar="M,M...",
        help="load these modules first, with those they need")
    add("--root", type=pathlib.Path, metavar="IMAGE",
        help="an ext4 image with systemd, which is booted (nothing is written to it); COMMAND runs"
        " there when it is up, and finds what was added below /vm")
    add("--mem", default="1G", help="the guest's memory (default %(default)s)")
    add("--cmdline", default="", metavar="ARGS", help="more arguments for the kernel")
    add("--time-limit", type=float, default=300, metavar="SECONDS",
        help="of our time, boot included (default %(default)s)")
    add("--virtual-time", action="store_true",
        help="the guest's clock counts its instructions: results do not depend on our load,"
        " waiting takes no time")
    add("--out", type=pathlib.Path, metavar="DIR",
        help="where to put the files the command leaves in /out; lost on a crash or time limit")
    add("--console", type=pathlib.Path, metavar="FILE",
        help="where to keep the kernel's messages (default: in the cache)")
    add("--cache", type=pathlib.Path, metavar="DIR",
        default=default_cache(),
        help="where kernels are kept (default $BPFTUNE_VM_CACHE or ~/.cache/bpftune-vm)")
    add("--refresh", action="store_true", help="ask the mirror now, not once a day")
    add("--list", action="store_true", help="show the kernels one can name, and the cached ones")
    return parser  # fmt: skip


def split_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Everything behind the first '--' is the command's, even if it looks like an option of ours."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def shell_line(command: list[str]) -> str:
    return command[0] if len(command) == 1 else shlex.join(command)


def _list(store: Store) -> int:
    for series in catalogue.SERIES.values():
        between = " and " if series.of_all_suites else " or else "
        print(f"{series.name:<12} newest in {between.join(series.suites)}")
    for kernel in store.cached():
        print(f"{'cached':<12} {kernel}")
    return 0


def _pack(kernel: Kernel, store: Store, options: argparse.Namespace, command: list[str]) -> bytes:
    programs = None
    if kernel.architecture is AMD64:
        image = Initramfs()
        image.add_base(host_tools.path_of("busybox"), host_tools.path_of("dash"))
    else:
        programs = foreign.Programs(store, kernel.architecture, options.refresh)
        image = Initramfs(programs.libraries.of)
        image.add_base(programs.busybox, programs.dash)
    for addition in options.add:
        source, _, destination = addition.partition(":")
        path = pathlib.Path(source)
        destination = destination or str(path.absolute())
        image.add(programs.counterpart(path) if programs else path, destination)
    wanted = [name for names in options.mod for name in names.split(",") if name]
    if options.root:
        wanted = [*_DISK_MODULES, *wanted]
        image.hand_over_to_disk()
    image.add_modules(modules.ModuleFolder(kernel.folder, kernel.release).in_load_order(wanted))
    image.add_kernel_config(kernel.release, kernel.config)
    image.add_command(shell_line(command) + "\n")
    return image.finish()


def _console_path(options: argparse.Namespace, kernel: Kernel) -> pathlib.Path:
    if options.console:
        options.console.parent.mkdir(parents=True, exist_ok=True)
        return options.console.absolute()
    folder = options.cache / "consoles"
    folder.mkdir(parents=True, exist_ok=True)
    oldest_first = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in oldest_first[:-_KEPT_CONSOLES]:
        path.unlink(missing_ok=True)
    return folder / f"{kernel.release}.{os.getpid()}.log"


def _pass_on(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _keep_out(archive: pathlib.Path, out: pathlib.Path) -> None:
    """tar, not tarfile: it refuses names that lead out of the folder, whatever Python this is.

    --touch: under --virtual-time the guest's clock, and so its time stamps, run ahead of ours.
    """
    out.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-xzf", archive, "-C", out, "--touch", "--no-same-owner"], check=True)


def _run(kernel: Kernel, store: Store, options: argparse.Namespace, command: list[str]) -> int:
    console = _console_path(options, kernel)
    # The image has to be somewhere QEMU can read it; it is gone when the run is over.
    with tempfile.TemporaryDirectory(prefix="bpftune-vm-") as work_name:
        work = pathlib.Path(work_name)
        machine = qemu.Machine(
            architecture=kernel.architecture,
            vmlinux=kernel.vmlinux,
            initramfs=work / "initramfs",
            console=console,
            events=work / "events",
            out_archive=work / "out.tar.gz",
            memory=options.mem,
            extra_arguments=options.cmdline,
            virtual_time=options.virtual_time,
            disk=options.root,
        )
        machine.initramfs.write_bytes(_pack(kernel, store, options, command))
        ending = qemu.run(machine, options.time_limit, _pass_on)
        if not machine.events.exists():  # it is made before the first instruction
            raise misuse(f"QEMU does not start: {ending.errors}")
        events = verdict.parse_events(machine.events.read_text(errors="replace"))
        if options.out and events.sent:
            _keep_out(machine.out_archive, options.out)
    result = verdict.judge(
        events, console.read_text(errors="replace"), options.time_limit, ending.timed_out
    )
    booted = "no boot" if events.started is None else f"up after {events.started:.1f} s of its time"
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = f"{ending.seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of a CPU"
    note(f"{kernel}: {booted}, in all {took}; console: {console}")
    if ending.errors:
        note(f"QEMU says: {ending.errors}")
    if result.message:
        note(result.message)
    return result.code


def _end_on_sigterm(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)  # unwinds, so that QEMU is stopped on the way out


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    signal.signal(signal.SIGTERM, _end_on_sigterm)
    own, command = split_command(arguments)
    try:
        options = _parser().parse_args(own)
        store = Store(options.cache)
        if options.list:
            return _list(store)
        if not options.kernel or not command:
            raise misuse("a KERNEL and, behind '--', a COMMAND are needed; see tools/vm --help")
        if options.time_limit <= 0:
            raise misuse(f"--time-limit must be positive, not {options.time_limit:g}")
        store.check_name(options.kernel)
        host_tools.check(store.architecture_of(options.kernel))
        kernel = store.find(options.kernel, options.refresh)
        return _run(kernel, store, options, command)
    except Failure as failure:
        note(f"{failure.code.name.lower().replace('_', ' ')}: {failure}")
        return failure.code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
