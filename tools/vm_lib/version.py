# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Debian's order of versions: the newest kernel is not the last one in alphabetical order."""

import functools
import re


def _character_order(character: str) -> int:
    """'~' is before all (7.3~rc7 is older than 7.3), then come the end, letters, other signs."""
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _compare_part(left: str, right: str) -> int:
    """Compares alternating runs of non-digits and digits, as deb-version(7) describes."""
    runs = re.compile(r"(\D*)(\d*)")
    while left or right:
        left_run, right_run = runs.match(left), runs.match(right)
        # A 0 ends each run: the end sorts after '~' and before everything else.
        left_text = [_character_order(c) for c in left_run[1]] + [0]
        right_text = [_character_order(c) for c in right_run[1]] + [0]
        left_key = (left_text, int(left_run[2] or 0))
        right_key = (right_text, int(right_run[2] or 0))
        if left_key != right_key:
            return -1 if left_key < right_key else 1
        left, right = left[left_run.end():], right[right_run.end():]
    return 0


def compare(left: str, right: str) -> int:
    """Negative when left is older than right, 0 when they are the same age, positive otherwise."""

    def split(version: str) -> tuple[int, str, str]:
        epoch, colon, rest = version.partition(":")
        if not colon:
            epoch, rest = "0", version
        upstream, _, revision = rest.rpartition("-")
        return (int(epoch), upstream, revision) if upstream else (int(epoch), rest, "")

    left_epoch, left_upstream, left_revision = split(left)
    right_epoch, right_upstream, right_revision = split(right)
    return (
        left_epoch - right_epoch
        or _compare_part(left_upstream, right_upstream)
        or _compare_part(left_revision, right_revision)
    )


sort_key = functools.cmp_to_key(compare)
