/* SPDX-License-Identifier: Apache-2.0 */
/* Bandwidth buckets in the fast path: BandwidthBuckets::Take on the same memory. */
#ifndef TURNPIKE_XDP_BANDWIDTH_H_
#define TURNPIKE_XDP_BANDWIDTH_H_

#include "xdp/parse.h"

#define TP_NS_PER_SECOND 1000000000ull
/* Attempts to take bytes while others take from the same bucket. */
#define TP_TAKE_TRIES_MAX 4

/* Returns the time in which a bucket gains bytes, rounded up. */
TP_INLINE __u64 tp_bandwidth_ns(__u64 bytes, __u64 bytes_per_second) {
  return (bytes * TP_NS_PER_SECOND + bytes_per_second - 1) / bytes_per_second;
}

/* Takes the bytes of a payload from a flow's bucket. Returns 0, and takes nothing, if the bucket
 * has fewer, or if others take from it at the same time. */
TP_INLINE int tp_take_bandwidth(struct tp_context* context, const struct tp_view* view,
                                const __u32* bucket, __u32 bytes) {
  if (*bucket == 0 || !view->any_bounded) return 1;
  struct tp_bucket* cell = tp_find_bucket(context, bucket);
  if (cell == 0) return 0;
  const __u64 rate = *(const volatile __u64*)&cell->bytes_per_second;
  if (rate == 0) return 1;
  const __u64 now = tp_monotonic_ns(context);
  const __u64 cost = tp_bandwidth_ns(bytes, rate);
  const __u64 gained = tp_bandwidth_ns(TP_BURST_BYTES_MIN, rate);
  const __u64 size = gained > TP_NS_PER_SECOND ? gained : TP_NS_PER_SECOND;
  for (int i = 0; i < TP_TAKE_TRIES_MAX; ++i) {
    const __u64 due = *(const volatile __u64*)&cell->due_ns;
    const __u64 next = (due > now ? due : now) + cost;
    if (next - now > size) return 0;
    if (__sync_val_compare_and_swap(&cell->due_ns, due, next) == due) return 1;
  }
  return 0;
}

#endif
