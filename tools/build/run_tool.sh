#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# Runs a built program as a test: its exit code is the result.
exec "$@"
