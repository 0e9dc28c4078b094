# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""`python3 -m row_lib PLAN`: what a row's test runs, in Bazel's environment."""

import sys

from row_lib import main

sys.exit(main.main(sys.argv[1]))
