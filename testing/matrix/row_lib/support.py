# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What `bpftune -S` says works on a kernel, and whether it is what is expected of that kernel.

An expectation (expected/ROW) is what `bpftune -S` prints, without what only this run knows: reasons
in brackets, and whatever follows the name of a program. A line that begins with '#' is a comment.
"""

import dataclasses
import re

_STANDS_DOWN = "stands down"
_NOT_LOADED = re.compile(
    r"not loaded: (?:\S*/)?(\w+)\.bpf\.o: "
    r"(?:tuner .*\); )?"  # whose hook, and the kernel's words
    r"(.*?)(?:\. See |$)"
)
_KNOWN_LINES = ("bpftune works", "bpftune supports per-netns", "bpftune does not support per-netns")


@dataclasses.dataclass(frozen=True)
class Hook:
    """A line of the table: a program that runs, or what is lost without one."""

    tuner: str
    hook: str
    program: str = ""
    loss: str = ""  # without a hook: the tuner stands down, or what is lost as it is not loaded

    @property
    def stands_down(self) -> bool:
        return self.hook == "-" and self.loss == _STANDS_DOWN

    @property
    def is_not_loaded(self) -> bool:
        return self.hook == "-" and self.loss != _STANDS_DOWN

    def __str__(self) -> str:
        if self.is_not_loaded:
            return f"not loaded: {self.tuner}.bpf.o: {self.loss}"
        lost = self.loss if self.hook == "-" else "- " + self.loss
        return f"{self.tuner:<14}{self.hook:<10}{self.program or lost}"


@dataclasses.dataclass(frozen=True)
class Support:
    """What works: the lines that scripts look for, and the table."""

    says: tuple[str, ...]
    hooks: tuple[Hook, ...]

    def lines(self) -> list[str]:
        return [*self.says, *map(str, self.hooks)]


def _without_reason(words: str) -> str:
    """`loss (what the kernel said)` is loss: the kernel's words change with its versions."""
    return re.sub(r" \(.*", "", words).strip()


def parse(text: str) -> Support:
    """Reads an expectation, or what the daemon prints among whatever else."""
    says: list[str] = []
    hooks: list[Hook] = []
    for line in text.splitlines():
        line = line.rstrip()
        lost = _NOT_LOADED.match(line)
        row = re.match(r"(\w+) +(\w+|-)  +(\S.*)", line)  # columns, no sentence
        if line.startswith(_KNOWN_LINES):
            says.append(line)
        elif lost:
            hooks.append(Hook(lost[1], "-", loss=lost[2]))
        elif not row or row[2] == "module":
            continue  # which modules there are is the machine's, not the kernel's
        elif row[3].startswith("- "):
            hooks.append(Hook(row[1], row[2], loss=_without_reason(row[3][2:])))
        elif row[3].startswith(_STANDS_DOWN):
            hooks.append(Hook(row[1], "-", loss=_STANDS_DOWN))
        elif row[3].startswith(row[2] + "__"):
            hooks.append(Hook(row[1], row[2], program=row[3].split()[0]))
    return Support(tuple(says), tuple(hooks))


def differences(expected: Support, found: Support, file: str) -> list[str]:
    """What was lost or gained, as a diff of that file; none: all is as expected."""
    before, after = expected.lines(), found.lines()
    lost = [line for line in before if line not in after]
    gained = [line for line in after if line not in before]
    if not lost and not gained:
        return []
    return [
        f"{file} does not say what this kernel does. If that is as it should be, edit it:",
        *("- " + line for line in lost),
        *("+ " + line for line in gained),
    ]
