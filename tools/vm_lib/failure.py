# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What can go wrong in a run, each with its own exit code, so that a caller can tell them apart.

Every other exit code is the command's own. A command that itself ends with one of these is told
apart by the runner's last line on stderr, which always names the part that failed.
"""

import enum


class Code(enum.IntEnum):
    """Exit codes that are the runner's, not the command's."""

    FETCH = 121  # no kernel package could be had
    BOOT = 122  # the kernel, or a module, did not come up; the command was never started
    KERNEL = 123  # the kernel complained or died while the command ran
    TIME_LIMIT = 124  # the command was still running
    MISUSE = 125  # wrong arguments, or something is missing on this machine


class Failure(Exception):
    """Ends the run; main() prints it and exits with its code."""

    def __init__(self, code: Code, message: str):
        super().__init__(message)
        self.code = code


def misuse(message: str) -> Failure:
    return Failure(Code.MISUSE, message)


def fetch_failure(message: str) -> Failure:
    return Failure(Code.FETCH, message)
