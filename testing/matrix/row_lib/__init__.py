# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""One row of the matrix: one kernel, one boot, many short steps. Read main.py first."""
