/* SPDX-License-Identifier: Apache-2.0 */
/* The replay window of a lane in the BPF program. */
#ifndef TURNPIKE_XDP_REPLAY_WINDOW_H_
#define TURNPIKE_XDP_REPLAY_WINDOW_H_

#include "xdp/checksum.h"

enum tp_replay { TP_FRESH, TP_REPLAYED, TP_TOO_OLD };

/* Checks an authenticated sequence and marks it as seen if it is fresh. The caller holds the
 * window's lock. */
TP_INLINE enum tp_replay tp_window_take(struct tp_window* window, __u64 sequence) {
  const __u64 word = sequence / 64;
  const __u64 bit = 1ULL << (sequence % 64);
  const __u64 highest = window->highest;
  if (sequence > highest) {
    const __u64 entered = word - highest / 64;
    for (__u32 i = 0; i < TP_WINDOW_WORDS; ++i) {
      if (i >= entered) break;
      window->seen[(word - i) % TP_WINDOW_WORDS] = 0;
    }
    window->seen[word % TP_WINDOW_WORDS] |= bit;
    window->highest = sequence;
    return TP_FRESH;
  }
  /* Sequence 0 is always too old: `highest` starts at 0, so a first 0 cannot be told from a
   * replayed one. */
  if (sequence == 0 || highest - sequence >= TP_WINDOW_REMEMBERED) return TP_TOO_OLD;
  if ((window->seen[word % TP_WINDOW_WORDS] & bit) != 0) return TP_REPLAYED;
  window->seen[word % TP_WINDOW_WORDS] |= bit;
  return TP_FRESH;
}

#endif
