# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# shellcheck shell=bash
# For deb_test.sh and rpm_test.sh, with their arguments DEBIAN_TREE PACKAGE: a fresh Debian tree with
# the package in it, as /package, and what is asked of it. In a mount namespace of its own, so nothing
# stays mounted.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
if [ "${APART-}" != yes ]; then APART=yes exec unshare --mount "$0" "$@"; fi
tree=$TEST_TMPDIR/tree
mkdir "$tree"
mount -t tmpfs tmpfs "$tree"
tar -C "$tree" -xpf "$("$1" tar)"
mount -t proc proc "$tree/proc"
cp "$2" "$tree/package"

fail() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}
inside() { chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin DEBIAN_FRONTEND=noninteractive "$@"; }
# All that is there, with mode, owner, and where links lead; without records of packages, and caches.
list() {
	(cd "$tree" && find . \( -path ./proc -o -path ./dev -o -path ./var/lib/dpkg -o -path ./var/lib/rpm \
		-o -path ./var/log -o -path ./var/cache -o -path ./tmp -o -path ./root \) -prune \
		-o -printf '%p %m %U:%G %l\n' | sort)
}
is_enabled() { [ -L "$tree/etc/systemd/system/multi-user.target.wants/bpftune.service" ]; }
