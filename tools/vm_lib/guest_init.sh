#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#
# The guest's first process. It makes a machine in which a test feels at home, runs the command
# and powers off. Each serial port has one use, so that nothing has to be told apart later:
#   ttyS0  kernel console              ttyS1  output of the command
#   ttyS2  events for the runner       ttyS3  the files left in /out
busybox=/bin/busybox

$busybox mount -t proc proc /proc
$busybox --install -s /usr/lib/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/usr/lib/busybox
export HOME=/root TERM=dumb USER=root LANG=C.UTF-8

mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null # some kernels have done it already
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /run/netns /run/lock
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr

# Until a port is raw, the terminal layer adds carriage returns.
for port in 1 2 3; do
	stty -F /dev/ttyS$port raw -echo
done
exec 3>/dev/ttyS2

up() {
	cut -d' ' -f1 /proc/uptime
}

finish() {
	sync
	poweroff -f
}

hostname vm
ip link set lo up
while read -r module; do
	if ! reason=$(insmod "/usr/lib/vm/modules/$module.ko" 2>&1); then
		echo "module-failed $reason" >&3
		finish
	fi
done </usr/lib/vm/modules.order

cd /
echo "started $(up)" >&3
/bin/sh /usr/lib/vm/command </dev/null >/dev/ttyS1 2>&1 3>&-
status=$?
echo "ended $status $(up)" >&3

if [ -n "$(ls -A /out)" ]; then
	tar -C /out -cf - . | gzip -1 >/dev/ttyS3
	echo "sent" >&3
fi
finish
