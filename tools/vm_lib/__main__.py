# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""`python3 -m vm_lib` is tools/vm, for callers that have only this folder (Bazel's runfiles)."""

import sys

from vm_lib import main

sys.exit(main.main(sys.argv[1:]))
