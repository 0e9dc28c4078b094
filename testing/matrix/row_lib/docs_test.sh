#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
PYTHONPATH=testing/matrix:tools exec python3 -B -m row_lib.tool check
