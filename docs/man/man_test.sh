#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
exec python3 -B docs/man/man_test.py "$@"
