#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# rpm_test.sh DEBIAN_TREE RPM: installed, verified and erased by rpm in a tree. The tree is Debian's,
# so what the package requires is not looked for there.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
if [ "${APART-}" != yes ]; then APART=yes exec unshare --mount "$0" "$@"; fi
tree=$TEST_TMPDIR/tree
mkdir "$tree"
mount -t tmpfs tmpfs "$tree"
tar -C "$tree" -xpf "$("$1" tar)"
mount -t proc proc "$tree/proc"
cp "$2" "$tree/bpftune.rpm"

fail() {
	echo "rpm_test: $*" >&2
	exit 1
}
inside() { chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin "$@"; }
list() {
	(cd "$tree" && find . \( -path ./proc -o -path ./dev -o -path ./var/lib/rpm -o -path ./tmp \
		-o -path ./root \) -prune -o -printf '%p %m %U:%G %l\n' | sort)
}
is_enabled() { [ -L "$tree/etc/systemd/system/multi-user.target.wants/bpftune.service" ]; }

mkdir "$tree/usr/share/licenses" # Fedora's package filesystem has it
inside rpm --initdb
list >"$TEST_TMPDIR/before"
inside rpm -i --nodeps /bpftune.rpm || fail "does not install"
inside rpm -V --nodeps bpftune || fail "is not as packed"
inside /usr/sbin/bpftune -V | grep -qx "bpftune $(inside rpm -q --qf '%{VERSION}' bpftune)" ||
	fail "the program has another version than the package"
is_enabled || fail "the presets of this tree enable everything, and this was not"
inside rpm -qlp /bpftune.rpm | grep -x /usr/lib/bpftune/sysctl.bpf.o >/dev/null || fail "has no objects"
inside rpm -e bpftune || fail "cannot be erased"
list | diff "$TEST_TMPDIR/before" - || fail "leaves something"
echo "rpm_test: installed, verified, erased; $(stat -c %s "$2") bytes"
