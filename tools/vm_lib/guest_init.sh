#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#
# The guest's first process. It makes a machine in which a test feels at home and runs the command
# (guest_run.sh); or, with a disk (--root), hands over to the systemd that is there, which does.
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

hostname vm
ip link set lo up
while read -r module; do
	if ! reason=$(insmod "/usr/lib/vm/modules/$module.ko" 2>&1); then
		stty -F /dev/ttyS2 raw -echo
		echo "module-failed $reason" >/dev/ttyS2
		poweroff -f
	fi
done </usr/lib/vm/modules.order

if [ ! -e /usr/lib/vm/root ]; then
	. /usr/lib/vm/run
fi

root=/mnt
if ! mount -t ext4 /dev/vda $root; then
	poweroff -f # the console says why
fi
mkdir -p $root/usr/lib/vm $root/out
cp /usr/lib/vm/command /usr/lib/vm/run $root/usr/lib/vm
if [ -d /vm ]; then cp -a /vm $root; fi
cat >$root/usr/lib/systemd/system/vm-command.service <<-END
	[Unit]
	After=multi-user.target
	[Service]
	Type=oneshot
	ExecStart=/bin/sh /usr/lib/vm/run
	Environment=HOME=/root
END
# A target of its own: what the default one wants is up when the command begins.
cat >$root/usr/lib/systemd/system/vm.target <<-END
	[Unit]
	Requires=multi-user.target
	Wants=vm-command.service
END
exec switch_root $root /lib/systemd/systemd --unit=vm.target
