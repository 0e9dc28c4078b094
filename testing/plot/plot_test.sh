#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
exec python3 -B testing/plot/plot_test.py
