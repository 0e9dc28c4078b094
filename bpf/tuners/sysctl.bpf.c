// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
/*
 * sysctl: sees every write of a tunable that some tuner uses, and keeps the
 * owners: what the administrator has written is the administrator's.
 *
 * The hook (cgroup/sysctl) runs before the kernel's handler, without a lock,
 * for writes that may still fail, with the raw text, and in the namespace of
 * the writer. So it parses the text as the handler will (proc_dointvec: each
 * number in base 8, 10 or 16, as many as there are) and the current value too.
 * Equal, or not a number: nothing happens. Otherwise the writer becomes the
 * owner, before the write takes effect; the daemon's own write to what the
 * administrator owns is refused here, by the kernel itself, unless it is the
 * administrator's own numbers being put back. What remains, a write of ours
 * that passed the hook before the administrator's did, the applier finds by
 * comparing generations. controller/override_model_test.cc checks the protocol
 * over all interleavings.
 *
 * What cannot be known here: whether the write will succeed, and, for a
 * descriptor opened in another namespace, where it goes. Hence `before`: the
 * controller compares, and orders a reclaim where nothing was overridden.
 *
 * How it fails. An owner that finds no room in the map is lost. What the daemon
 * writes has an entry before its first write, so that only others can lose
 * theirs; and once one is lost, the daemon gets no more entries (ORDER_RESERVE).
 *
 * The daemon is whoever first runs our pulse; so a daemon in a pid namespace of its
 * own is recognised too.
 */
#include "bpf/common/tuner.bpf.h"
#include "policies/sysctl.policy.h"
TUNER_DEFINE(SYSCTL, "sysctl", "sees who else writes the tunables in use, and yields to them");

#include "bpf/common/request.bpf.h"

#define TEXT_LEN 64   /* room for three numbers; power of two */
#define NUMBER_LEN 20 /* -9223372036854775808 */

__u32 daemon_tgid; /* 0: not known yet */

/* Not 0: the map of the owners was full when one was to be remembered. From
 * then on a set without an entry may be somebody's: no more are reserved. */
__u32 owners_lost;

/* From the task: on 5.10 this program type has no helper for it. */
static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

struct vector {
	__s64 values[TUNER_MAX_VALUES];
	__u32 count;
};

/*
 * The numbers at the start of `text`, at most `most`. Like the kernel's
 * handler it stops at the first thing that is no number; what came before
 * counts. bpf_strtol skips leading blanks and knows the kernel's bases.
 */
static __always_inline void parse(const char *text, __u32 most, struct vector *out)
{
	__u32 offset = 0;

	out->count = 0;
	for (int i = 0; i < TUNER_MAX_VALUES; i++) {
		long value = 0;
		long length;

		if ((__u32)i >= most || offset >= TEXT_LEN)
			break;
		length = bpf_strtol(text + (offset & (TEXT_LEN - 1)), NUMBER_LEN, 0, &value);
		if (length <= 0 || length > NUMBER_LEN)
			break;
		out->values[i] = value;
		out->count = i + 1;
		offset += length;
	}
}

/* What a file with one number of its tunable says about all of them. */
static __always_inline void take_part(const struct watched *watched, struct vector *vector)
{
	__s64 number = vector->values[0];

	if (watched->parts <= 1 || !vector->count)
		return;
	for (int i = 0; i < TUNER_MAX_VALUES; i++)
		vector->values[i] = i == watched->part ? number : VALUE_UNSAID;
	vector->count = watched->values;
}

static __always_inline __u32 numbers_in(const struct watched *watched)
{
	return watched->parts > 1 ? 1 : watched->values;
}

/* What `a` says of the first `count`, `b` says too. */
static __always_inline bool same_start(const __s64 *a, const __s64 *b, __u32 count)
{
	for (int i = 0; i < TUNER_MAX_VALUES; i++)
		if ((__u32)i < count && a[i] != VALUE_UNSAID && a[i] != b[i])
			return false;
	return true;
}

static __always_inline bool is_owned(const struct owner *owner)
{
	return owner && owner->generation != owner->reclaimed;
}

/* A sysctl that is written: its name, and what of it tells the device. */
struct name {
	struct watched_key key;
	struct watched_path path;
};

/* The tunable of which this is one device's, if it is. */
static __always_inline struct watched *watched_of_device(struct name *name)
{
	struct watched_key pattern;

	for (int i = 0; i < WATCHED_NAME_LEN; i++) {
		if (!name->key.name[i])
			break;
		watched_path_add(&name->path, name->key.name[i], i);
	}
	watched_path_key(&name->path, &pattern);
	return bpf_map_lookup_elem(&tuner_watched, &pattern);
}

/* Where it begins comes out of the request's memory, so that the verifier does
 * not follow each place where it could. */
static __always_inline void put_device(struct request *request, const struct name *name)
{
	volatile __u64 *at = &request->evidence[2];
	bool is_over = false;

	*at = name->path.device_at;
	bpf_probe_read_kernel(request->device, sizeof(request->device),
			      name->key.name + (*at & (WATCHED_NAME_LEN - DEVICE_NAME_LEN - 1)));
	for (int i = 0; i < DEVICE_NAME_LEN; i++) {
		is_over |= request->device[i] == '/';
		if (is_over)
			request->device[i] = 0;
	}
}

static __always_inline void tell(const struct watched *watched, const struct state_key *key,
				 const struct name *name, const struct owner *owner,
				 const struct vector *current, bool was_theirs)
{
	struct request *request = request_begin(REQUEST_OVERRIDE, key->netns);

	if (!request)
		return;
	request->tuner = watched->tuner;
	request->tunable = watched->row;
	request->mask = owner->count;
	request->pid = owner->pid;
	request->netns_inode = BPF_CORE_READ(current_task(), nsproxy, net_ns, ns.inum);
	request->evidence[0] = owner->generation;
	request->evidence[1] = was_theirs; /* before this write */
	__builtin_memcpy(request->seen, current->values, sizeof(request->seen));
	__builtin_memcpy(request->wanted, owner->values, sizeof(request->wanted));
	if (key->device)
		put_device(request, name);
	BPF_CORE_READ_STR_INTO(&request->comm, current_task(), comm);
	request_send(request, RING_WAKE);
}

static __always_inline void take_over(const struct watched *watched, const struct state_key *key,
				      const struct name *name, struct owner *old,
				      const struct vector *written, const struct vector *current)
{
	bool was_theirs = is_owned(old);
	/* The second and further writes of a streak. */
	bool again = was_theirs && old->row == watched->row;
	struct owner owner = {
		.generation = old ? old->generation + 1 : 1,
		.reclaimed = old ? old->reclaimed : 0,
		.time_ns = bpf_ktime_get_ns(),
		.row = watched->row,
		.count = written->count,
		.previous_count = again ? old->count : written->count,
		.pid = BPF_CORE_READ(current_task(), tgid),
	};

	__builtin_memcpy(owner.values, written->values, sizeof(owner.values));
	if (again) {
		__builtin_memcpy(owner.previous, old->values, sizeof(owner.previous));
		__builtin_memcpy(owner.before, old->before, sizeof(owner.before));
		for (int i = 0; i < TUNER_MAX_VALUES; i++) {
			if (owner.values[i] == VALUE_UNSAID)
				owner.values[i] = old->values[i];
			if (owner.before[i] == VALUE_UNSAID)
				owner.before[i] = current->values[i];
		}
	} else {
		__builtin_memcpy(owner.previous, written->values, sizeof(owner.previous));
		__builtin_memcpy(owner.before, current->values, sizeof(owner.before));
	}
	if (bpf_map_update_elem(&tuner_owners, key, &owner, BPF_ANY)) {
		count(COUNT_STATE_FULL);
		if (old)
			*old = owner; /* no memory for another: not all at once */
		else
			owners_lost = 1;
	}
	count(COUNT_WRITES);
	tell(watched, key, name, &owner, current, was_theirs);
}

/* 1: let the write through, 0: refuse it (EPERM). */
SEC("?cgroup/sysctl")
int watch__cgroup(struct bpf_sysctl *ctx)
{
	char text[TEXT_LEN + NUMBER_LEN] = {};
	struct task_struct *task = current_task();
	struct name name = {};
	struct watched *watched;
	struct vector written = {};
	struct vector current = {};
	struct state_key key = {};
	struct owner *owner;
	bool by_daemon;

	/* Text that does not start at 0 is ignored by the handler too. */
	if (!ctx->write || ctx->file_pos ||
	    bpf_sysctl_get_name(ctx, name.key.name, sizeof(name.key.name), 0) <= 0)
		return 1;
	watched = bpf_map_lookup_elem(&tuner_watched, &name.key);
	if (!watched) {
		watched = watched_of_device(&name);
		if (!watched)
			return 1;
		key.device = name.path.device ? name.path.device : 1;
	}

	if (watched->flags & TUNABLE_PER_NETNS) {
		key.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
		if (!tuner_netns_by_inode)
			key.netns = BPF_CORE_READ(task, nsproxy, net_ns, net_cookie);
		if (!netns_in_scope(key.netns))
			return 1;
	}
	key.tuner = watched->tuner;
	key.row = watched->set_row;
	by_daemon = daemon_tgid && BPF_CORE_READ(task, tgid) == (int)daemon_tgid;
	owner = bpf_map_lookup_elem(&tuner_owners, &key);
	if (by_daemon && !is_owned(owner))
		return 1;

	/* A text that does not fit is no three numbers. */
	if (bpf_sysctl_get_new_value(ctx, text, TEXT_LEN) > 0)
		parse(text, numbers_in(watched), &written);
	take_part(watched, &written);
	if (by_daemon) {
		if (owner->row == watched->row && written.count == owner->count &&
		    same_start(written.values, owner->values, written.count))
			return 1;
		count(COUNT_DENIED);
		return 0;
	}
	if (!written.count) {
		count(COUNT_NOT_NUMBERS);
		return 1;
	}
	__builtin_memset(text, 0, sizeof(text));
	if (bpf_sysctl_get_current_value(ctx, text, TEXT_LEN) > 0)
		parse(text, numbers_in(watched), &current);
	take_part(watched, &current);
	/* While it is theirs an equal write counts too: it may follow one of
	 * theirs that a late write of ours has covered. */
	if (!is_owned(owner) && current.count >= written.count &&
	    same_start(written.values, current.values, written.count)) {
		count(COUNT_SAME);
		return 1;
	}
	take_over(watched, &key, &name, owner, &written, &current);
	return 1;
}

/*
 * Carries out what the controller ordered, and learns who the daemon is. The
 * controller runs it before its first write and with each new order.
 */
static __always_inline void carry_out(const struct state_key *key_in_map, const struct order *order)
{
	struct state_key key = *key_in_map;
	struct owner yielded = {};
	struct owner *owner;
	__u64 generation;

	owner = bpf_map_lookup_elem(&tuner_owners, &key);
	generation = owner ? owner->generation : 0;
	if (order->generation != generation)
		return; /* somebody wrote in between: that counts */
	if (order->kind == ORDER_RECLAIM) {
		/* This field alone: whatever a foreign write replaces at this
		 * moment, it does not lose. */
		if (owner)
			owner->reclaimed = generation;
	} else if (order->kind == ORDER_YIELD) {
		yielded.generation = generation + 1;
		yielded.reclaimed = owner ? owner->reclaimed : 0;
		yielded.time_ns = bpf_ktime_get_ns();
		yielded.row = order->row;
		yielded.count = yielded.previous_count = order->count;
		__builtin_memcpy(yielded.values, order->values, sizeof(yielded.values));
		__builtin_memcpy(yielded.previous, order->values, sizeof(yielded.previous));
		__builtin_memcpy(yielded.before, order->before, sizeof(yielded.before));
		if (bpf_map_update_elem(&tuner_owners, &key, &yielded, BPF_ANY))
			count(COUNT_STATE_FULL);
	} else if (order->kind == ORDER_WITHDRAW && owner) {
		owner->count = owner->previous_count;
		__builtin_memcpy(owner->values, owner->previous, sizeof(owner->values));
	} else if (order->kind == ORDER_RESERVE && !owner && !owners_lost) {
		if (bpf_map_update_elem(&tuner_owners, &key, &yielded, BPF_NOEXIST))
			count(COUNT_STATE_FULL);
	}
}

/* Whoever is first, before there is an order: later somebody else may bring one. */
static __always_inline void meet_daemon(struct seq_file *seq)
{
	if (!daemon_tgid)
		daemon_tgid = BPF_CORE_READ(current_task(), tgid);
}

WALK_MAP(orders, tuner_orders, carry_out, meet_daemon)
