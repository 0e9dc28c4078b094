#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# vm_test.sh DEBIAN_TREE MODULES SCRIPT FILE...: runs SCRIPT in a machine of its own, a Debian 12
# with systemd on the newest kernel; it finds the files in /vm.
set -eu
tree=$1 modules=$2 script=$3
image=$("$tree" image)
shift 2
add=
for file in "$@"; do add="$add --add $file:/vm/$(basename "$file")"; done
# shellcheck disable=SC2086 # words
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tools exec python3 -m vm_lib --virtual-time \
	--time-limit $((TEST_TIMEOUT - 60)) --root "$image" --mod "$modules" $add newest -- \
	"bash /vm/$(basename "$script")"
