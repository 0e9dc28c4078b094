#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# Runs every *_test.py of this folder; works in Bazel and by hand. Arguments go to unittest.
cd "$(dirname "$0")/../../.." && PYTHONPATH=testing/matrix:tools exec python3 -B -m unittest discover \
	-s testing/matrix/row_lib -t testing/matrix -p '*_test.py' "$@"
