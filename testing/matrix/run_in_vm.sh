#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# run_in_vm.sh KERNEL MODULES TIME MEMORY cmdline=ARGUMENTS PROGRAMS TUNERS TEST [NAME=VALUE]...: what vm_test runs, in Bazel's environment.
# TIME: real or virtual. PROGRAMS: of this machine, with commas; the test says what it misses of those that are not there.
# TUNERS: with commas, or all. The guest gets the runfiles tree without the objects of the others, so that the test finds
# everything where it expects it.
set -eu
kernel=$1 modules=$2 memory=$4 cmdline=${5#cmdline=} programs=$6 tuners=$7 test=$8
virtual_time=$([ "$3" = real ] || echo --virtual-time)
shift 8

quote() {
	printf "'%s' " "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

tree=/runfiles
out=$TEST_TMPDIR/out
command="mkdir -p /tmp/test && cd $tree/$TEST_WORKSPACE && exec env \
TEST_SRCDIR=$tree TEST_WORKSPACE=$TEST_WORKSPACE TEST_TMPDIR=/tmp/test \
TEST_UNDECLARED_OUTPUTS_DIR=/out/files XML_OUTPUT_FILE=/out/test.xml BPFTUNE_REQUIRE_PRIVILEGED=1"
for variable in "$@"; do
	command="$command $(quote "$variable")"
done
# What was asked for by hand counts more than the target's own choice.
command="$command ${TESTBRIDGE_TEST_ONLY:+GTEST_FILTER=$(quote "$TESTBRIDGE_TEST_ONLY")}"

add=
for program in $(echo "$programs" | tr , ' '); do
	if [ -e "$program" ]; then add="$add --add $program"; fi
done

# A copy of the tree, which is links to files.
files=$TEST_TMPDIR/tree
cp -a "$TEST_SRCDIR" "$files"
if [ "$tuners" != all ]; then
	for object in "$files/$TEST_WORKSPACE"/bpf/tuners/*.bpf.o; do
		case ,$tuners,sysctl,netns, in *,"$(basename "$object" .bpf.o)",*) ;; *) rm -f "$object" ;; esac
	done
fi

status=0
# shellcheck disable=SC2086 # none, or words
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tools python3 -m vm_lib \
	$virtual_time --mem "$memory" --cmdline "$cmdline" --time-limit $((TEST_TIMEOUT - 60)) --mod "$modules" --add "$files:$tree" $add --out "$out" \
	"$kernel" -- "mkdir /out/files; $command $(quote "./$test")" || status=$?

# Bazel shows these as if the test had run here.
if [ -f "$out/test.xml" ]; then cp "$out/test.xml" "$XML_OUTPUT_FILE"; fi
if [ -d "$out/files" ]; then cp -r "$out/files/." "$TEST_UNDECLARED_OUTPUTS_DIR/"; fi
exit $status
