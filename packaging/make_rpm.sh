#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# make_rpm.sh TREE.tar SPEC VERSION ARCHITECTURE RPM
set -eu
tar=$(readlink -f "$1") spec=$2 version=$3 architecture=$4 rpm=$5
work=$(mktemp -d)
export HOME="$work"
# Folders that are ours alone belong to the package, and those of shells that need not be there; the
# others to the distribution.
tar -tf "$tar" | sed 's,^\.,,' | while read -r path; do
	case $path in
	*/bpftune/*/ | */bpftune/ | /usr/share/fish/*/ | /usr/share/fish/ | /usr/share/zsh/*/ | /usr/share/zsh/) echo "%dir ${path%/}" ;;
	*/) ;;
	*) echo "$path" ;;
	esac
done >"$work/files"
if ! rpmbuild -bb --target "$architecture" \
	--define "_topdir $work/top" --define "_tmppath $work" --define "_rpmdir $work/out" \
	--define "_dbpath $work/db" --define "tree_tar $tar" --define "file_list $work/files" \
	--define "package_version $version" --define "_build_id_links none" \
	--define "__os_install_post %{nil}" --define "debug_package %{nil}" \
	--define "_buildhost reproducible" --define "use_source_date_epoch_as_buildtime 1" \
	--define "clamp_mtime_to_source_date_epoch 1" \
	--define "source_date_epoch_from_changelog 0" --define "_binary_payload w9.xzdio" "$spec" >"$work/log" 2>&1; then
	cat "$work/log" >&2
	exit 1
fi
cp "$work/out"/*/*.rpm "$rpm"
