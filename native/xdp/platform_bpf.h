/* SPDX-License-Identifier: Apache-2.0 */
/* The platform functions in the kernel: maps and the helpers of an XDP program. */
#ifndef TURNPIKE_XDP_PLATFORM_BPF_H_
#define TURNPIKE_XDP_PLATFORM_BPF_H_

#include <bpf/bpf_helpers.h>

#include "xdp/map_structs.h"

/* Structs are not packed: clang would then load them byte by byte. CPUs with XDP support load words
 * at any address. */
#define TP_PACKED
/* Hides the value range of a number from the compiler, so that it keeps a check that the verifier
 * needs. */
#define TP_FORGET(number) asm volatile("" : "+r"(number))

/* A max_entries of 1 is a placeholder. Loading the program replaces it by the data plane's size. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1);
  __type(key, struct tp_flow_key);
  __type(value, struct tp_flow);
} tp_flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_session);
} tp_sessions SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_remote_relay);
} tp_relays SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1);
  __type(key, struct tp_window_key);
  __type(value, struct tp_window);
} tp_windows SEC(".maps");

/* Initial value of a window without the lock, because a program may not copy a bpf_spin_lock. Kept
 * in a map because it exceeds the BPF stack. */
struct tp_empty_window {
  __u64 words[sizeof(struct tp_window) / 8];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_empty_window);
} tp_new_window SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_destination);
} tp_destinations SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_hop);
} tp_hops SEC(".maps");

/* Next session sequence of each flow to a trunk. The workers increment the same cells. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} tp_flow_cells SEC(".maps");

/* Sequence state of each session (session_sequence.h). The workers update the same cells. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} tp_session_cells SEC(".maps");

/* Packets and payload bytes of each flow and of each session, at the same cell indexes. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} tp_flows_carried SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} tp_sessions_carried SEC(".maps");

/* Bandwidth buckets by their numbers; the first one is not used. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_bucket);
} tp_buckets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_config);
} tp_settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_cpu);
} tp_cpus SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_traffic);
} tp_traffics SEC(".maps");

#define tp_context xdp_md

TP_INLINE __u8* tp_data(struct tp_context* context) { return (__u8*)(long)context->data; }
TP_INLINE __u8* tp_data_end(struct tp_context* context) { return (__u8*)(long)context->data_end; }
TP_INLINE __u32 tp_ingress(struct tp_context* context) { return context->ingress_ifindex; }

TP_INLINE int tp_adjust_head(struct tp_context* context, int bytes) {
  return (int)bpf_xdp_adjust_head(context, bytes);
}
TP_INLINE int tp_adjust_tail(struct tp_context* context, int bytes) {
  return (int)bpf_xdp_adjust_tail(context, bytes);
}
TP_INLINE int tp_redirect(struct tp_context* context, __u32 ifindex) {
  (void)context;
  return (int)bpf_redirect(ifindex, 0);
}
TP_INLINE __u32 tp_cpu_number(struct tp_context* context) {
  (void)context;
  return bpf_get_smp_processor_id();
}
TP_INLINE __u64 tp_monotonic_ns(struct tp_context* context) {
  (void)context;
  return bpf_ktime_get_ns();
}

#define TP_LOOKUP(name, type, key_type, map)                                        \
  TP_INLINE type* tp_find_##name(struct tp_context* context, const key_type* key) { \
    (void)context;                                                                  \
    return (type*)bpf_map_lookup_elem(&map, key);                                   \
  }
TP_LOOKUP(flow, struct tp_flow, struct tp_flow_key, tp_flows)
TP_LOOKUP(session, struct tp_session, __u32, tp_sessions)
TP_LOOKUP(relay, struct tp_remote_relay, __u32, tp_relays)
TP_LOOKUP(destination, struct tp_destination, __u32, tp_destinations)
TP_LOOKUP(hop, struct tp_hop, __u32, tp_hops)
TP_LOOKUP(flow_cell, __u32, __u32, tp_flow_cells)
TP_LOOKUP(session_cell, __u32, __u32, tp_session_cells)
TP_LOOKUP(flow_carried, __u64, __u32, tp_flows_carried)
TP_LOOKUP(session_carried, __u64, __u32, tp_sessions_carried)
TP_LOOKUP(bucket, struct tp_bucket, __u32, tp_buckets)
TP_LOOKUP(settings, struct tp_config, __u32, tp_settings)
TP_LOOKUP(cpu, struct tp_cpu, __u32, tp_cpus)
TP_LOOKUP(traffic, struct tp_traffic, __u32, tp_traffics)
#undef TP_LOOKUP

/* Returns the replay window of a lane and creates it at first use. Returns null if the map is full.
 */
TP_INLINE struct tp_window* tp_find_window(struct tp_context* context,
                                           const struct tp_window_key* key) {
  (void)context;
  struct tp_window* window = (struct tp_window*)bpf_map_lookup_elem(&tp_windows, key);
  if (window != 0) return window;
  const __u32 zero = 0;
  const void* fresh = bpf_map_lookup_elem(&tp_new_window, &zero);
  if (fresh == 0) return 0;
  /* BPF_NOEXIST fails if another CPU created the window first; the lookup then returns that one. */
  bpf_map_update_elem(&tp_windows, key, fresh, BPF_NOEXIST);
  return (struct tp_window*)bpf_map_lookup_elem(&tp_windows, key);
}

TP_INLINE void tp_lock(struct tp_window* window) { bpf_spin_lock(&window->lock); }
TP_INLINE void tp_unlock(struct tp_window* window) { bpf_spin_unlock(&window->lock); }

#endif
