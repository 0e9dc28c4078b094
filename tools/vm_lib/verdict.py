# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Turns what a run left behind into one verdict: which part failed, and how to say so."""

import dataclasses
import re

from vm_lib.failure import Code

# A kernel that says one of these is broken, whatever the test thinks of it.
_COMPLAINT = re.compile(
    r"""Kernel\ panic
      | \bOops\b
      | \bBUG:\ | kernel\ BUG\ at
      | general\ protection\ fault
      | \[\ cut\ here\ \]                   # starts every WARN(), whose wording changes
      | WARNING:\ (?:CPU:|possible|suspicious|bad|inconsistent)   # WARN() and lockdep
      | WARNING:\ \S+\ at\                  # WARN() of newer kernels
      | \bKASAN:|\bUBSAN:|\bKCSAN:|\bKFENCE:
      | detected\ stalls?\b | self-detected\ stall
      | blocked\ for\ more\ than
      | unregister_netdevice:\ waiting\ for
      | refcount_t: | list_(?:add|del)\ corruption
      | Call\ Trace:""",
    re.VERBOSE,
)
_SHOWN_LINES = 12


@dataclasses.dataclass(frozen=True)
class Events:
    """What the guest's init reported."""

    module_failure: str | None = None
    started: float | None = None  # guest's seconds since boot
    status: int | None = None  # the command's exit code
    ended: float | None = None
    sent: bool = False  # the files in /out were sent completely


@dataclasses.dataclass(frozen=True)
class Verdict:
    """An exit code, and a sentence when it is not simply the command's."""

    code: int
    message: str | None = None


def parse_events(text: str) -> Events:
    """Reads whole lines only: a crash can cut the last one short."""
    events = Events()
    for line in text.split("\n")[:-1]:
        word, _, rest = line.partition(" ")
        if word == "module-failed":
            events = dataclasses.replace(events, module_failure=rest)
        elif word == "started":
            events = dataclasses.replace(events, started=float(rest))
        elif word == "ended":
            status, uptime = rest.split()
            events = dataclasses.replace(events, status=int(status), ended=float(uptime))
        elif word == "sent":
            events = dataclasses.replace(events, sent=True)
    return events


def complaints(console: str) -> list[str]:
    """The console's lines that make a run a failure."""
    return [line.strip() for line in console.splitlines() if _COMPLAINT.search(line)]


def _shown(lines: list[str]) -> str:
    return "\n".join("    " + line for line in lines) or "    (nothing)"


def _end_of(console: str) -> str:
    """The last lines; a stack trace may fill them, so what it is about comes first."""
    lines = [line.strip() for line in console.splitlines() if line.strip()]
    last = lines[-_SHOWN_LINES:]
    return _shown([line for line in complaints(console)[:3] if line not in last] + last)


def judge(events: Events, console: str, time_limit: float, timed_out: bool) -> Verdict:
    """The earliest part that failed is the one to name: later ones follow from it."""
    if events.module_failure is not None:
        return Verdict(Code.BOOT, f"boot: a module does not load: {events.module_failure}")
    if events.started is None:
        how = f"within {time_limit:g} s" if timed_out else "before the machine stopped"
        how = f"boot: no userspace {how}; the console says"
        return Verdict(Code.BOOT, f"{how}\n{_end_of(console)}")
    found = complaints(console)
    if found:
        ending = "was still running" if events.status is None else f"ended with {events.status}"
        how = f"kernel: it complained (the command {ending})"
        return Verdict(Code.KERNEL, f"{how}\n{_shown(found[:_SHOWN_LINES])}")
    if events.status is None and timed_out:
        return Verdict(Code.TIME_LIMIT, f"time limit: still running after {time_limit:g} s")
    if events.status is None:
        how = "kernel: the machine stopped under the command; the console says"
        return Verdict(Code.KERNEL, f"{how}\n{_end_of(console)}")
    if events.status:
        return Verdict(events.status, f"test: the command ended with {events.status}")
    return Verdict(0)
