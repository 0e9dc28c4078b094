#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# What systemd runs after bpftune has stopped (ExecStopPost=). Where the service was stopped and
# would not be started by the next boot, it is not wanted any more: everything is put back. Not
# after a crash, nor in a restart: the next one goes on from the journal.
set -eu
unit=bpftune.service
[ "${SERVICE_RESULT-}" = success ] || exit 0
if systemctl --quiet is-enabled "$unit" 2>/dev/null; then exit 0; fi
if systemctl --no-legend list-jobs "$unit" 2>/dev/null | grep -qE ' (restart|start) '; then exit 0; fi
exec /usr/sbin/bpftune --undo
