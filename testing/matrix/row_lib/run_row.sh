#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# run_row.sh PLAN: Bazel 4 starts Python programs with `python`, which Debian does not have.
PYTHONPATH=testing/matrix:tools exec python3 -B -m row_lib "$@"
