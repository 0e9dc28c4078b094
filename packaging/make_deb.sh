#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# make_deb.sh TREE.tar CONTROL VERSION ARCHITECTURE DEB SCRIPT...
set -eu
tar=$1 control=$2 version=$3 architecture=$4 deb=$5
shift 5
tree=$(mktemp -d)
umask 022
tar -C "$tree" -xpf "$tar"
# In the form of Debian's own packages, of which this is one: it has no other version than ours.
gzip -9n >"$tree/usr/share/doc/bpftune/changelog.gz" <<END
bpftune ($version) unstable; urgency=medium

  * See CHANGELOG.md.gz.

 -- $(sed -n 's/^Maintainer: //p' "$control")  $(date -uRd "@$SOURCE_DATE_EPOCH")
END
kib=$(du -k -s --apparent-size "$tree" | cut -f1)
sums=$(cd "$tree" && find . -type f -printf '%P\0' | sort -z | xargs -0 md5sum)
mkdir "$tree/DEBIAN"
echo "$sums" >"$tree/DEBIAN/md5sums"
{
	echo "Version: $version"
	echo "Architecture: $architecture"
	echo "Installed-Size: $kib"
} | sed "/^#/d; /^Package:/r /dev/stdin" "$control" >"$tree/DEBIAN/control"
for script in "$@"; do
	install -m 0755 "$script" "$tree/DEBIAN/$(basename "$script")"
done
# dpkg-deb clamps time stamps to SOURCE_DATE_EPOCH; one thread, or bytes depend on the machine.
dpkg-deb --root-owner-group --threads-max=1 -Zxz --build "$tree" "$deb" >/dev/null
