/* SPDX-License-Identifier: Apache-2.0 */
/* The platform functions in user space, where tests and a fuzzer run the rewrite on ordinary
 * memory. */
#ifndef TURNPIKE_XDP_PLATFORM_USER_H_
#define TURNPIKE_XDP_PLATFORM_USER_H_

#include "xdp/map_structs.h"

#define TP_PACKED __attribute__((packed))
#define TP_FORGET(number) (void)(number)

/* The maps as functions on `self`. A function returns null if the entry does not exist. */
struct tp_world {
  void* self;
  struct tp_flow* (*flow)(void* self, const struct tp_flow_key* key);
  struct tp_session* (*session)(void* self, __u32 index);
  struct tp_remote_relay* (*relay)(void* self, __u32 relay_index);
  struct tp_window* (*window)(void* self, const struct tp_window_key* key);
  struct tp_traffic* (*traffic)(void* self, __u32 relay_index);
  struct tp_destination* (*destination)(void* self, __u32 index);
  struct tp_hop* (*hop)(void* self, __u32 index);
  __u32* (*flow_cell)(void* self, __u32 index);
  __u32* (*session_cell)(void* self, __u32 index);
  __u64* (*flow_carried)(void* self, __u32 index);
  __u64* (*session_carried)(void* self, __u32 index);
  struct tp_bucket* (*bucket)(void* self, __u32 index);
  struct tp_config* settings;
  struct tp_cpu* cpu;
};

/* A frame in memory. The buffer starts at `room`; the bytes from there to `data` are headroom. */
struct tp_context {
  struct tp_world* world;
  __u8* room;
  __u8* data;
  __u8* data_end;
  __u32 ingress;
  __u32 cpu_number;
  __u64 monotonic_ns;
  /* Device index of the last redirect. */
  __u32 egress;
};

TP_INLINE __u8* tp_data(struct tp_context* context) { return context->data; }
TP_INLINE __u8* tp_data_end(struct tp_context* context) { return context->data_end; }
TP_INLINE __u32 tp_ingress(struct tp_context* context) { return context->ingress; }
TP_INLINE __u32 tp_cpu_number(struct tp_context* context) { return context->cpu_number; }
TP_INLINE __u64 tp_monotonic_ns(struct tp_context* context) { return context->monotonic_ns; }

TP_INLINE int tp_adjust_head(struct tp_context* context, int bytes) {
  if (context->room - context->data > bytes || context->data_end - context->data < bytes) return -1;
  context->data += bytes;
  return 0;
}
TP_INLINE int tp_adjust_tail(struct tp_context* context, int bytes) {
  if (bytes > 0 || context->data - context->data_end > bytes) return -1;
  context->data_end += bytes;
  return 0;
}
TP_INLINE int tp_redirect(struct tp_context* context, __u32 ifindex) {
  context->egress = ifindex;
  return XDP_REDIRECT;
}

TP_INLINE struct tp_flow* tp_find_flow(struct tp_context* context, const struct tp_flow_key* key) {
  return context->world->flow(context->world->self, key);
}
TP_INLINE struct tp_window* tp_find_window(struct tp_context* context,
                                           const struct tp_window_key* key) {
  return context->world->window(context->world->self, key);
}
TP_INLINE struct tp_config* tp_find_settings(struct tp_context* context, const __u32* zero) {
  (void)zero;
  return context->world->settings;
}
TP_INLINE struct tp_cpu* tp_find_cpu(struct tp_context* context, const __u32* zero) {
  (void)zero;
  return context->world->cpu;
}

#define TP_LOOKUP(name, type)                                                      \
  TP_INLINE type* tp_find_##name(struct tp_context* context, const __u32* index) { \
    return context->world->name(context->world->self, *index);                     \
  }
TP_LOOKUP(session, struct tp_session)
TP_LOOKUP(relay, struct tp_remote_relay)
TP_LOOKUP(traffic, struct tp_traffic)
TP_LOOKUP(destination, struct tp_destination)
TP_LOOKUP(hop, struct tp_hop)
TP_LOOKUP(flow_cell, __u32)
TP_LOOKUP(session_cell, __u32)
TP_LOOKUP(flow_carried, __u64)
TP_LOOKUP(session_carried, __u64)
TP_LOOKUP(bucket, struct tp_bucket)
#undef TP_LOOKUP

TP_INLINE void tp_lock(struct tp_window* window) {
  while (__atomic_exchange_n(&window->lock.val, 1, __ATOMIC_ACQUIRE) != 0) {
  }
}
TP_INLINE void tp_unlock(struct tp_window* window) {
  __atomic_store_n(&window->lock.val, 0, __ATOMIC_RELEASE);
}

#endif
