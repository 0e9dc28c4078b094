#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# security_test.sh UNIT SAFETY.md: the figure of systemd-analyze is the one in the documentation, and
# systemd finds no fault in the unit.
set -eu
if ! command -v systemd-analyze >/dev/null; then
	echo "NOT RUN, there is no systemd-analyze"
	exit 0
fi
export SYSTEMD_PAGER=
figure=$(systemd-analyze security --offline=true "$1" | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
echo "exposure level: $figure (10 is the worst)"
grep -qF "exposure level of $figure" "$2" || {
	echo "$2 does not say 'exposure level of $figure'"
	exit 1
}
