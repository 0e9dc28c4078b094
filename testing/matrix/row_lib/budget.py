# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""How many instructions the verifier looks at, by tuner, against the stored numbers of that kernel.

verified/ROW has a line `tuner program instructions` for each program in use. Compared is the sum of
a tuner: that is what a start takes, and what the kernel's limit of a million looms behind.
"""

import collections

_TOLERANCE = 0.20


def parse(text: str) -> dict[str, int]:
    """tuner -> instructions, of all its programs."""
    sums: dict[str, int] = collections.Counter()
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            sums[words[0]] += int(words[2])
    return dict(sums)


def judge(
    stored: dict[str, int], measured: dict[str, int], row: str
) -> tuple[list[str], list[str]]:
    """(failures, notes): growth fails; a shrink asks for the new numbers, so that they guard."""
    update = f"if that is meant: tools/matrix budget {row}"
    failures, notes = [], []
    for tuner in sorted(stored.keys() | measured.keys()):
        old, new = stored.get(tuner), measured.get(tuner)
        if old is None:
            failures.append(f"{tuner}: {new} instructions verified, none stored; {update}")
        elif new is None:
            failures.append(f"{tuner}: {old} instructions stored, nothing was loaded; {update}")
        elif new > old * (1 + _TOLERANCE):
            failures.append(
                f"{tuner}: {new} instructions verified, {old} stored:"
                f" {100 * (new / old - 1):+.0f} %; {update}"
            )
        elif new < old * (1 - _TOLERANCE):
            notes.append(
                f"{tuner}: {new} instructions verified, {old} stored:"
                f" {100 * (new / old - 1):+.0f} %; tools/matrix budget {row}"
            )
    return failures, notes
