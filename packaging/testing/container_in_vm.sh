#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# The container of the DaemonSet, made without an engine, in a machine of its own: the capabilities,
# mounts and namespaces that daemonset.yaml asks for, all else as runtimes have it (control groups of
# its own, /proc/sys and /sys read-only, no new privileges but those). It tunes the machine.
set -uo pipefail
manifest=/vm/daemonset.yaml
. /vm/vm_common.sh

fail() {
	echo "FAILED: $*"
	cat /tmp/log
	exit 1
}
# The items of a list of the manifest, by the key above it.
list_of() { awk -v key="$1:" '$1 == key { on = 1; next } on && $1 != "-" && $1 !~ /^#/ { exit } on && $1 == "-" { print $2 }' "$manifest"; }
value_of() { awk -v key="$1:" '$1 == key { print $2; exit }' "$manifest"; }
bounding=-all$(list_of add | tr 'A-Z' 'a-z' | sed 's/^/,+/' | tr -d '\n')
[ "$(list_of drop)" = ALL ] && [ "$bounding" != -all ] || fail "capabilities: $bounding"
[ "$(value_of hostPID) $(value_of hostNetwork) $(value_of privileged)" = "true true false" ] || fail "namespaces"
mounts=$(awk '$1 == "path:" { print $2 }' "$manifest")
echo "capabilities: $bounding; mounts:" $mounts

step "the image: what the Containerfile puts into a Debian"
grep -q '^RUN dpkg -i ' /vm/Containerfile || fail "the Containerfile has changed"
root=/tmp/root
mkdir -p $root /tmp/upper
mount -t tmpfs tmpfs /tmp/upper
mkdir /tmp/upper/{files,work}
mount -t overlay overlay -o lowerdir=/,upperdir=/tmp/upper/files,workdir=/tmp/upper/work $root ||
	fail "no overlay"
chroot $root dpkg -i /vm/bpftune_*.deb >/dev/null || fail "does not install"
[ "$(value_of image)" = "bpftune:$(chroot $root dpkg-query -W -f '${Version}' bpftune)" ] || fail "image"
install -m 0755 /vm/start $root/usr/lib/bpftune/start
systemctl is-active bpftune.service && fail "runs outside"

step "the container"
make_path
cat >/tmp/container <<'END'
set -eu
root=$1 bounding=$2
shift 2
mount --make-rprivate /
mount -t proc proc $root/proc
for path in "$root/proc/sys"; do
	mount --bind "$path" "$path"
	mount -o remount,bind,ro "$path"
done
mount -t sysfs -o ro sysfs $root/sys
mount -t tmpfs tmpfs $root/run
for path in $MOUNTS; do
	mkdir -p "$path" "$root$path"
	mount --bind "$path" "$root$path"
done
mount -o remount,ro $root
exec chroot $root setpriv --bounding-set "$bounding" --inh-caps -all /usr/lib/bpftune/start "$@"
END
# A control group namespace that sees one group only.
group=/sys/fs/cgroup/pod
mkdir $group
run_in_container() {
	MOUNTS=$mounts bash -c "echo \$\$ >$group/cgroup.procs; exec unshare --mount --cgroup bash /tmp/container $root $bounding $*"
}
run_in_container -S >/tmp/log 2>&1 || fail "-S"
grep -E '^bpftune (works|supports)' /tmp/log
grep -E 'not permitted|denied' /tmp/log && fail "something is not allowed"
grep 'without CAP_' /tmp/log && fail "lacks a capability"

step "it tunes what is outside of it"
args=$(sed -n 's/^ *args: \["\(.*\)"\]/\1/p' "$manifest" | sed 's/", *"/ /g')
run_in_container "$args" >/tmp/log 2>&1 &
until_true 300 grep -q 'per-netns policy' /tmp/log || fail "does not start"
sleep 5
traffic 10
until_true 60 grep -q 'change net.ipv4.tcp_wmem' /tmp/log || fail "nothing was raised"
echo "tcp_wmem: $FIRST_WMEM -> $(wmem)"
[ "$(wmem)" -gt "$FIRST_WMEM" ] || fail "tcp_wmem is $(wmem)"
[ -s /run/bpftune/all/undo.journal ] || fail "the journal is not on the node"

step "stopped, it puts everything back"
kill -TERM "$(cat /run/bpftune/all/lock)"
until_true 60 eval '[ "$(wmem)" = "$FIRST_WMEM" ]' || fail "stopped, tcp_wmem is $(wmem)"
echo "container_in_vm: passed"
