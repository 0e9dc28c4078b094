#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# make_tree.sh MANIFEST TAR: a tree of files, all of root and of one time. Manual pages are
# compressed, and what has a name in the tree that ends in .gz.
set -eu
manifest=$1 tar=$2
tree=$(mktemp -d)
umask 022
while IFS="$(printf '\t')" read -r mode source destination; do
	install -D -m "$mode" "$source" "$tree/${destination%.gz}"
	case $destination in *.gz | usr/share/man/*) gzip -9n "$tree/${destination%.gz}" ;; esac
done <"$manifest"
chmod 0755 "$tree"
tar --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
	--numeric-owner -C "$tree" -cf "$tar" .
