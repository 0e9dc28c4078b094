#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# deb_test.sh DEBIAN_TREE DEB: installed, upgraded, removed and purged in a fresh Debian tree. (What
# needs a running systemd is in service_in_vm.sh.)
# shellcheck source=packaging/testing/tree_common.sh
. packaging/testing/tree_common.sh

# A package with a later version and nothing else.
newer=$TEST_TMPDIR/newer
dpkg-deb -R "$2" "$newer"
sed -i 's/^Version: .*/&+1/' "$newer/DEBIAN/control"
dpkg-deb --root-owner-group -b "$newer" "$tree/newer.deb" >/dev/null

list >"$TEST_TMPDIR/before"

inside dpkg -i /package || fail "does not install"
list | diff "$TEST_TMPDIR/before" - >"$TEST_TMPDIR/added" || true
if grep '^<' "$TEST_TMPDIR/added"; then fail "removes what is not its own"; fi
if grep '^>' "$TEST_TMPDIR/added" | grep -vE ' \./(etc/systemd/system/multi-user\.target\.wants/|usr/|var/lib/systemd/deb-systemd-helper-enabled)'; then
	fail "puts files where they do not belong"
fi
is_enabled || fail "is not enabled when first installed"
inside dpkg --verify bpftune || fail "its check sums are wrong"
version=$(inside dpkg-query -W -f '${Version}' bpftune)
depends=$(inside dpkg-query -W -f '${Depends}' bpftune)
for program in sbin/bpftune bin/bpftunectl; do
	inside "/usr/$program" -V | grep -qE "^${program#*/} $version\$" || fail "$program has another version"
	# What it is linked with is what the package depends on: the C library alone, and no newer one.
	others=$(readelf -d "$tree/usr/$program" | sed -n 's/.*NEEDED.*\[\(.*\)\].*/\1/p' |
		grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux.*)$') && fail "$program is linked with $others"
	libc=$(objdump -T "$tree/usr/$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
	newest=$(printf '%s\n' "${libc#GLIBC_}" "${depends##*>= }" | tr -d ')' | sort -V | tail -n 1)
	[ "$depends" = "${depends%%libc6*}libc6 (>= $newest)" ] || fail "$program needs $libc"
done
for page in bpftune bpftunectl bpftune-tcp-buffer; do
	[ -s "$tree/usr/share/man/man8/$page.8.gz" ] || fail "there is no manual page $page"
done

inside dpkg -i /newer.deb || fail "does not upgrade"
is_enabled || fail "is not enabled after an upgrade"
inside systemctl --quiet disable bpftune.service
inside dpkg -i /newer.deb || fail "does not install again"
is_enabled && fail "an upgrade enables what was disabled"

inside dpkg -r bpftune || fail "cannot be removed"
[ ! -e "$tree/usr/sbin/bpftune" ] || fail "stays when removed"
inside dpkg -i /package
is_enabled && fail "what was disabled is enabled by another installation"
inside dpkg -P bpftune || fail "cannot be purged"
list | diff "$TEST_TMPDIR/before" - || fail "leaves something when purged"

# An administrator's preset, before it comes.
mkdir -p "$tree/etc/systemd/system-preset"
echo "disable bpftune.service" >"$tree/etc/systemd/system-preset/00-site.preset"
inside dpkg -i /package
is_enabled && fail "is enabled against a preset"
inside dpkg -P bpftune
rm -r "$tree/etc/systemd/system-preset"

# What a daemon has left, with nobody running: taken back, and removed.
mkdir -p "$tree/run/bpftune/all" && touch "$tree/run/bpftune/all/starts"
inside dpkg -i /package
inside dpkg -P bpftune
list | diff "$TEST_TMPDIR/before" - || fail "leaves something of the daemon's when purged"
echo "deb_test: installed, upgraded, removed, purged; $(stat -c %s "$2") bytes"
