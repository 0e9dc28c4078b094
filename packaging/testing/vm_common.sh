# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
# shellcheck shell=bash
# What the scripts of this folder that run in a machine of their own have in common.
export DEBIAN_FRONTEND=noninteractive
FIRST_WMEM=131072 # what net.ipv4.tcp_wmem allows before anything is tuned

step() { echo "== $*"; }
# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 1
	done
}

# near === far: 50 Mbit/s and 40 ms, and a send buffer that is a third of what it holds.
make_path() {
	for host in near far; do ip netns add $host; done
	ip -n near link add wire type veth peer name wire netns far
	for host in near:1 far:2; do
		ip -n ${host%:*} link set lo up
		ip -n ${host%:*} addr add 10.0.0.${host#*:}/24 dev wire
		ip -n ${host%:*} link set wire up
		ip netns exec ${host%:*} tc qdisc add dev wire root netem delay 20ms rate 50mbit limit 1000
		ip netns exec ${host%:*} sysctl -qw net.ipv4.tcp_no_metrics_save=1
	done
	ip netns exec near sysctl -qw "net.ipv4.tcp_wmem=4096 16384 $FIRST_WMEM"
	ip netns exec far iperf3 -s -D
	sleep 1
}
wmem() { ip netns exec near sysctl -n net.ipv4.tcp_wmem | awk '{ print $3 }'; }
traffic() { ip netns exec near iperf3 -c 10.0.0.2 -t "$1" >/dev/null || fail "iperf3"; }
