#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# install_test.sh: tools/install into a tree and out of it again. By hand, or by tools/test: it starts
# Bazel.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
DESTDIR=$(mktemp -d)
trap 'rm -rf "$DESTDIR"' EXIT
export DESTDIR PREFIX=/opt/bpftune LIBDIR=/opt/bpftune/lib64

tools/install
"$DESTDIR/opt/bpftune/sbin/bpftune" -V
test -f "$DESTDIR/opt/bpftune/lib64/bpftune/sysctl.bpf.o"
unit=$DESTDIR/etc/systemd/system/bpftune.service
grep -x 'ExecStart=/opt/bpftune/sbin/bpftune --tuners /opt/bpftune/lib64/bpftune' "$unit"
grep -x 'ExecStopPost=/opt/bpftune/lib64/bpftune/stopped' "$unit"
grep -x 'exec /opt/bpftune/sbin/bpftune --undo' "$DESTDIR/opt/bpftune/lib64/bpftune/stopped"
if grep -r /usr/ "$unit"; then exit 1; fi
tools/install --uninstall
left=$(find "$DESTDIR" -type f -o -name '*bpftune' -type d ! -path "$DESTDIR/opt/bpftune")
[ -z "$left" ] || { echo "left: $left"; exit 1; }
! tools/install --uninstall 2>/dev/null
