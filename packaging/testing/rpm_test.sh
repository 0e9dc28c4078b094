#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# rpm_test.sh DEBIAN_TREE RPM: installed, verified and erased by rpm in a tree. The tree is Debian's,
# so what the package requires is not looked for there.
# shellcheck source=packaging/testing/tree_common.sh
. packaging/testing/tree_common.sh

mkdir "$tree/usr/share/licenses" # Fedora's package filesystem has it
inside rpm --initdb
list >"$TEST_TMPDIR/before"
inside rpm -i --nodeps /package || fail "does not install"
inside rpm -V --nodeps bpftune || fail "is not as packed"
inside /usr/sbin/bpftune -V | grep -qx "bpftune $(inside rpm -q --qf '%{VERSION}' bpftune)" ||
	fail "the program has another version than the package"
is_enabled || fail "the presets of this tree enable everything, and this was not"
inside rpm -qlp /package | grep -x /usr/lib/bpftune/sysctl.bpf.o >/dev/null || fail "has no objects"
inside rpm -e bpftune || fail "cannot be erased"
list | diff "$TEST_TMPDIR/before" - || fail "leaves something"
echo "rpm_test: installed, verified, erased; $(stat -c %s "$2") bytes"
