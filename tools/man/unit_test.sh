#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
cd "$(dirname "$0")" && exec python3 -B -m unittest discover -p '*_test.py' "$@"
