# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The parts of tools/vm. Read main.py first: it is the order in which things happen."""
