#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# Runs a program as a test, built or in Python: its exit code is the result.
exec "$@"
