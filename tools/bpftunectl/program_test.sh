#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
exec python3 -B tools/bpftunectl/program_test.py "$@"
