# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# shellcheck shell=sh
# Read by the guest's shell in front of the lines `step ...` of a row (main.py writes them). Each step
# finds the machine as the first one found it. Lines that begin with "row: " are for main.py.

objects=bpf/tuners

up() {
	cut -d' ' -f1 /proc/uptime
}

# The values that are the whole machine's; a daemon leaves them as it tuned them.
values() {
	grep -r '' /proc/sys/net 2>/dev/null | grep -v -e /conf/ -e '/neigh/[^d]' | sort
}

say() {
	echo "row: $*"
	echo "row: $*" >/dev/kmsg # so that a complaint of the kernel's has a step
}

begin() {
	mkdir /tmp/steps
	mv $objects /tmp/objects
	mkdir $objects
	values >/tmp/values
	say kernel "$(uname -r)"
}

tidy() {
	rm -rf /sys/fs/bpf/bpftune /run/bpftune
	values | diff /tmp/values - | sed -n 's/^-\([^-:]*\):/\1\t/p' | while IFS="$(printf '\t')" read -r file value; do
		if echo "$value" >"$file"; then echo "put back: $file = $value"; fi
	done 2>/dev/null
}

# step NAME SECONDS TUNERS WORD...: runs the words with the objects of these tuners (with commas, or
# all) in place.
step() {
	name=$1 limit=$2 tuners=$3
	shift 3
	rm -f $objects/*
	for object in /tmp/objects/*; do
		case ,$tuners, in *,"$(basename "$object" .bpf.o)",* | ,all,) cp "$object" $objects/ ;; esac
	done
	mkdir -p "/tmp/steps/$name" "/out/$name"
	say begin "$name" "$(up)"
	status=0
	TEST_TMPDIR=/tmp/steps/$name TEST_UNDECLARED_OUTPUTS_DIR=/out/$name XML_OUTPUT_FILE=/out/$name/test.xml \
		timeout -k 5 "$limit" "$@" || status=$?
	tidy
	say end "$name" $status "$(up)"
}
