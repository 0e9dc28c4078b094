#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# The life of the service, in a machine of its own with systemd (tools/vm --root): installed from the
# package, it does its whole work with exactly what its unit allows; stopped, killed, held, upgraded,
# disabled, removed. Files are in /vm.
set -uo pipefail
deb=$(echo /vm/bpftune_*.deb)
unit=bpftune.service
. /vm/vm_common.sh

fail() {
	echo "FAILED: $*"
	systemctl status --no-pager --full "$unit"
	journalctl --no-pager -o cat -u "$unit" | tail -n 60
	exit 1
}
is() { [ "$(systemctl is-active "$unit")" = "$1" ]; }
pid() { systemctl show --value -p MainPID "$unit"; }
says() { journalctl -o cat -u "$unit" | grep -E "$1" >/dev/null; } # not -q: journalctl would fail

step "not started where policy forbids it; purged, nothing is left"
before=$(find / -xdev -path /proc -prune -o -path '/var/l*/*' -prune -o -name '*bpftune*' -print)
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
dpkg -i "$deb" || fail "does not install"
is inactive || fail "started against policy-rc.d"
systemctl --quiet is-enabled "$unit" || fail "not enabled"
# What works without any of the service's limits.
bpftune -S --run-dir /tmp/unconfined >/tmp/support || fail "-S"
rm /usr/sbin/policy-rc.d
dpkg -P bpftune || fail "cannot be purged"

step "a path of 50 Mbit/s and 40 ms, and a buffer that is a third of it"
make_path

step "installed, it is started, ready and confined"
dpkg -i "$deb" || fail "does not install"
is active || fail "is not started"
systemctl show --value -p StatusText "$unit" | grep -q 'tuners at work' || fail "has no status"
status=/proc/$(pid)/status
grep -qx 'CapPrm:.*000000c000281000' "$status" || fail "$(grep Cap "$status")"
grep -qx 'CapEff:.*0000008000000000' "$status" || fail "$(grep Cap "$status")"
grep -qx 'NoNewPrivs:.*1' "$status" || fail "may gain privileges"
grep -qx 'Seccomp:.*2' "$status" || fail "may make every system call"
works=$(grep '^bpftune works' /tmp/support)
says "^$works\$" || fail "without limits: $works"
[ "$(journalctl -o cat -u "$unit" | grep -c 'continuing without it')" -le "$(grep -c ' - ' /tmp/support)" ] ||
	fail "loses hooks"
says 'without CAP_' && fail "lacks a capability"
ls /sys/fs/bpf/bpftune/all/* >/dev/null || fail "what is pinned is not seen from outside"

step "traffic: it raises what holds it back, and says so"
traffic 10
until_true 60 says 'change net.ipv4.tcp_wmem' || fail "nothing was raised"
raised=$(wmem)
[ "$raised" -gt "$FIRST_WMEM" ] || fail "tcp_wmem is $raised"
echo "tcp_wmem: $FIRST_WMEM -> $raised"

step "a decision is one entry of the journal, with fields and an explanation; bpftunectl tells of it, too"
journalctl -o json -u "$unit" TUNER=tcp_buffer TUNABLE=net.ipv4.tcp_wmem OUTCOME=changed | tail -n 1 >/tmp/entry
for field in SCENARIO NETNS OLD NEW DECISION_ID MESSAGE_ID; do
	grep -q "\"$field\" *: *\"..*\"" /tmp/entry || fail "no $field: $(cat /tmp/entry)"
done
id=$(sed 's/.*"DECISION_ID" *: *"\([^"]*\)".*/\1/' /tmp/entry)
[ "$(journalctl -o cat "DECISION_ID=$id" | grep -c '^Due to ')" = 1 ] || fail "it is not one entry"
journalctl -x "DECISION_ID=$id" | grep -q '^░░ ' || fail "it is not explained"
bpftunectl explain net.ipv4.tcp_wmem | grep -q "$raised" || fail "bpftunectl does not know it"

step "an upgrade restarts it, and keeps what was tuned, and the journal"
dpkg-deb -R "$deb" /tmp/newer
sed -i 's/^Version: .*/&+1/' /tmp/newer/DEBIAN/control
dpkg-deb --root-owner-group -b /tmp/newer /tmp/newer.deb >/dev/null
old=$(pid)
dpkg -i /tmp/newer.deb || fail "does not upgrade"
is active && [ "$(pid)" != "$old" ] || fail "an upgrade does not restart it"
rm -r /tmp/newer /tmp/newer.deb
[ "$(wmem)" -ge "$raised" ] || fail "a restart took back what was tuned"
[ -s /run/bpftune/all/undo.journal ] || fail "the journal is gone"

step "killed, it is started again and goes on"
old=$(pid)
kill -KILL "$old"
until_true 60 eval '[ "$(pid)" != 0 ] && [ "$(pid)" != "$old" ] && is active' || fail "is not started again"
[ "$(wmem)" -ge "$raised" ] || fail "a crash took back what was tuned"

step "held, the watchdog ends it"
old=$(pid)
kill -STOP "$old"
until_true 180 eval '[ "$(pid)" != 0 ] && [ "$(pid)" != "$old" ] && is active' || fail "the watchdog does not see it"
says 'Watchdog timeout' || fail "it was not the watchdog"

step "stopped while enabled it leaves values; disabled, none"
systemctl stop "$unit"
is inactive || fail "ends with $(systemctl is-active "$unit")"
[ "$(wmem)" -ge "$raised" ] || fail "a stop took back what was tuned"
systemctl start "$unit" || fail "does not start again"
systemctl --quiet disable --now "$unit"
[ "$(wmem)" = "$FIRST_WMEM" ] || fail "disabled, tcp_wmem is $(wmem)"

step "removed it leaves nothing"
systemctl --quiet enable --now "$unit" || fail "cannot be enabled"
traffic 10
until_true 60 eval '[ "$(wmem)" -gt "$FIRST_WMEM" ]' || fail "nothing was raised again"
dpkg -r bpftune || fail "cannot be removed"
[ "$(wmem)" = "$FIRST_WMEM" ] || fail "removed, tcp_wmem is $(wmem)"
dpkg -P bpftune || fail "cannot be purged"
[ ! -e /run/bpftune ] && [ ! -e /sys/fs/bpf/bpftune ] || fail "leaves files"
after=$(find / -xdev -path /proc -prune -o -path '/var/l*/*' -prune -o -name '*bpftune*' -print)
[ "$before" = "$after" ] || fail "leaves $after"
echo "service_in_vm: passed"
