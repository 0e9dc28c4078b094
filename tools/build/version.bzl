# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The version of everything: the daemon prints it, packages carry it."""

VERSION = "0.1.0"

# Seconds since 1970, 2026-11-01: the time stamp of every file in a package, so that the same sources give the
# same bytes.
RELEASED = "1793491200"
