# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# shellcheck shell=sh
# Runs the command and powers off. Each serial port has one use, so that nothing has to be told
# apart later:
#   ttyS0  kernel console              ttyS1  output of the command
#   ttyS2  events for the runner       ttyS3  the files left in /out

# Until a port is raw, the terminal layer adds carriage returns.
for port in 1 2 3; do
	stty -F /dev/ttyS$port raw -echo
done
exec 3>/dev/ttyS2

up() {
	cut -d' ' -f1 /proc/uptime
}

cd /
echo "started $(up)" >&3
/bin/sh /usr/lib/vm/command </dev/null >/dev/ttyS1 2>&1 3>&-
status=$?
echo "ended $status $(up)" >&3

if [ -n "$(ls -A /out)" ]; then
	tar -C /out -cf - . | gzip -1 >/dev/ttyS3
	echo "sent" >&3
fi
sync
poweroff -f
