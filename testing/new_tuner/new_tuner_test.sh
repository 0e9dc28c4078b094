#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# tools/new_tuner in a copy of the tree: as far as it looks at it.
set -eu
tree=$TEST_TMPDIR/tree
mkdir -p "$tree"
cp -rL docs policies tools "$tree"
chmod -R u+w "$tree"
cd "$tree"
failed=0
fail() {
	echo "FAILED: $*"
	failed=1
}

# names LIST: of the tuners in this BUILD file.
names() {
	awk '/"ip_frag",/ { inside = 1 } /^\]/ { inside = 0 } inside' "$1" | tr -d ' ",'
}
# The first, one in the middle, the last.
for name in aaa_first route_cache zzz_last; do
	tools/new_tuner "$name" >log || fail "$name: $(cat log)"
	for file in "policies/$name.policy.h" "bpf/tuners/$name.bpf.c" "bpf/tuners/${name}_logic.h" \
		"bpf/tuners/${name}_logic_test.cc" "docs/tuners/$name.md"; do
		[ -s "$file" ] || fail "no $file"
		! grep -il orphans/ "$file" || fail "$file: a path of the example is left"
		! grep -l 'tcp_orphans\|TCP_ORPHANS' "$file" || fail "$file: the example's name is left"
	done
	grep -q "^#include \"policies/$name.policy.h\"" "bpf/tuners/$name.bpf.c" || fail "its policy"
	grep -q "^#include \"bpf/tuners/${name}_logic.h\"" "bpf/tuners/$name.bpf.c" || fail "its logic"
	for list in policies/BUILD.bazel docs/man/BUILD.bazel; do
		grep -q "^    \"$name\",$" "$list" || fail "$name is not in $list"
	done
done
for list in policies/BUILD.bazel docs/man/BUILD.bazel; do
	[ "$(sed -n 's/^    "\([a-z_]*\)",$/\1/p' "$list")" = "$(sed -n 's/^    "\([a-z_]*\)",$/\1/p' "$list" | LC_ALL=C sort)" ] ||
		fail "$list is not in order: $(names "$list")"
done

for bad in route_cache '' 9lives Upper has-dash sixteen_letters_ ../x; do
	! tools/new_tuner "$bad" 2>log || fail "took '$bad'"
	grep -q '^new_tuner: ' log || fail "'$bad': no reason"
done
exit $failed
