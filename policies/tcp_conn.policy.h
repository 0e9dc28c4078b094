/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#pragma once

/*
 * tcp_conn: which congestion control a connection uses. What is set on sockets,
 * what can be seen, and the words for it. Data only.
 */
#define TCP_CONN_TUNABLES(T)                                                  \
	T(CONGESTION, "TCP congestion control", "algorithm", "congestion",    \
	  0, TUNABLE_ON_SOCKETS, 0, 0)

#define TCP_CONN_BBR "specify bbr congestion control"
#define TCP_CONN_LOSS                                                         \
	"of {arg0} segments {arg1} were lost while round trips took {arg2} "  \
	"us, the shortest {arg3} us, so it is the path that loses and no "    \
	"full queue. Said once an hour for each host."

#define TCP_CONN_SCENARIOS(S)                                                 \
	S(LOSS_ON_PATH, TCP_CONN_BBR,                                         \
	  "Because loss rate has exceeded 1 percent for a connection, use "   \
	  "bbr congestion control algorithm instead of default",              \
	  "loss events",                                                      \
	  "due to loss events for {peer}, specify 'bbr' congestion control "  \
	  "algorithm: " TCP_CONN_LOSS)                                        \
	S(LOSS_CRIPPLES, TCP_CONN_BBR,                                        \
	  "Because the default algorithm cannot live with the loss of this "  \
	  "path, use bbr congestion control algorithm instead of it",         \
	  "loss events",                                                      \
	  "due to loss events for {peer}, specify 'bbr' congestion control "  \
	  "algorithm: " TCP_CONN_LOSS)                                        \
	S(LOSS_OBSERVED, TCP_CONN_BBR,                                        \
	  "A connection loses more than the default algorithm can live with", \
	  "loss events",                                                      \
	  "due to loss events for {peer}, would specify 'bbr' congestion "    \
	  "control algorithm: " TCP_CONN_LOSS)                                \
	S(DEFAULT_IS_BETTER, "specify default congestion control",            \
	  "Connections that got another algorithm do worse than those that "  \
	  "kept the default",                                                 \
	  "the control group doing better",                                   \
	  "For {peer} the default congestion control algorithm is used again "\
	  "for {arg0} s, and what was learned is forgotten.")                 \
	S(NO_ALGORITHM, "congestion control not available",                   \
	  "Connections over a path that loses keep the default algorithm",    \
	  "this kernel not offering bbr",                                     \
	  "The kernel would not set 'bbr' for {peer} (error {arg0}): it has " \
	  "no such algorithm, or its module is not loaded. Load it with "     \
	  "'modprobe tcp_bbr', and it is used.")                              \
	S(NOT_ALLOWED, "congestion control not allowed",                      \
	  "Connections over a path that loses keep the default algorithm",    \
	  "net.ipv4.tcp_allowed_congestion_control not listing bbr",          \
	  "'bbr' would help the connection with {peer}, but "                 \
	  "net.ipv4.tcp_allowed_congestion_control does not list it, so it "  \
	  "is not used.")

#define TCP_CONN_SAMPLES(M)

#define TCP_CONN_COUNTERS(C)                                                  \
	C(LOSING, "connections that lost segments")                           \
	C(LOST, "segments sent again while the default algorithm was kept")   \
	C(QUEUE, "connections whose loss a full queue explains")              \
	C(CHOSEN, "connections whose algorithm somebody else chose")          \
	C(SWITCHED, "connections switched to bbr because of loss")            \
	C(WORSE, "times one was not, since bbr does worse for its host")      \
	C(OBSERVED, "connections not switched in a dry run, or while frozen")      \
	C(UNUSABLE, "times the kernel had no such algorithm, or not for us")  \
	C(HOSTS, "hosts to which a path loses segments")                      \
	C(CONNECTIONS, "new connections to such hosts")                       \
	C(TUNED, "of these, connections given what is best for their host")   \
	C(TRIED, "of these, connections given something to learn from")       \
	C(CONTROL, "of these, connections kept at the default, to compare")   \
	C(RUNS, "runs of connections learned from")                           \
	C(TUNED_KIB, "KiB delivered by connections given the best ...")       \
	C(TUNED_MS, "... in so many ms in which congestion was the limit")    \
	C(CONTROL_KIB, "KiB delivered by connections kept at the default ...")\
	C(CONTROL_MS, "... in so many ms in which congestion was the limit")  \
	C(BACK, "times a host went back to the default, which was better")    \
	C(DEFAULTS, "hosts forgotten because the default was changed")

#define TCP_CONN_HOOKS(H)                                                     \
	H(CONN, "conn", HOOK_EVENT, HOOK_REQUIRED, 0,                         \
	  "no connection is seen; congestion control is not chosen")

#define TCP_CONN_MODULES(M)                                                   \
	M("tcp_bbr", "connections over a path that loses keep the default")   \
	M("tcp_htcp", "htcp is not among what is tried for a host")

#define TCP_CONN_REPORTS(R)                                                   \
	R("{0} connections to {1} hosts", COUNT_CONNECTIONS, COUNT_HOSTS)     \
	R("tuned ones delivered {ratio} times the control group's rate",      \
	  COUNT_TUNED_KIB, COUNT_TUNED_MS, COUNT_CONTROL_KIB, COUNT_CONTROL_MS) \
	R("{0} hosts went back to the default", COUNT_BACK)
