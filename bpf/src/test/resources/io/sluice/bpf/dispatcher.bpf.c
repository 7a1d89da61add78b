/*
 * Dispatches by destination: the longest prefix of (protocol, port, address) that is bound names a
 * slot of the socket map. IPv4 addresses are looked up as ::ffff:a.b.c.d.
 */
#include "sluice_bpf.h"

struct binding_key {
	__u32 prefixlen; /* in bits, of all that follows */
	__u8 protocol;
	__u8 padding;
	__u16 port; /* host order; 0 is any */
	__u32 address[4]; /* network order */
};

struct binding {
	__u32 slot;
	__u32 hits;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct binding_key);
	__type(value, struct binding);
} bindings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

struct counters {
	__u64 assigned;
	__u64 missed;
	__u64 failed;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

const volatile __u8 refuse_unbound = 0;

static __attribute__((noinline)) struct binding *find(const struct bpf_sk_lookup *ctx, __u16 port)
{
	struct binding_key key = {
		.prefixlen = 32 + 128,
		.protocol = ctx->protocol,
		.port = port,
	};
	if (ctx->family == 2) {
		key.address[2] = 0xffff0000;
		key.address[3] = ctx->local_ip4;
		/* Else clang makes one load of the two, at a computed address, which verifiers refuse. */
		asm volatile("" : : "r"(key.address[3]));
	} else {
		key.address[0] = ctx->local_ip6[0];
		key.address[1] = ctx->local_ip6[1];
		key.address[2] = ctx->local_ip6[2];
		key.address[3] = ctx->local_ip6[3];
	}
	return bpf_map_lookup_elem(&bindings, &key);
}

SEC("sk_lookup/dispatcher")
int dispatcher(struct bpf_sk_lookup *ctx)
{
	__u32 zero = 0;
	struct counters *count = bpf_map_lookup_elem(&counters, &zero);
	if (!count)
		return 0;
	struct binding *found = find(ctx, ctx->local_port);
	if (!found)
		found = find(ctx, 0);
	if (!found) {
		count->missed++;
		return !refuse_unbound;
	}
	__sync_fetch_and_add(&found->hits, 1);
	__u32 slot = found->slot;
	struct bpf_sock *sk = bpf_map_lookup_elem(&sockets, &slot);
	if (!sk) {
		count->missed++;
		return 0;
	}
	long error = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	if (error) {
		count->failed++;
		return 0;
	}
	count->assigned++;
	return 1;
}
