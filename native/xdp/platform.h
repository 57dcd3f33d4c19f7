/* SPDX-License-Identifier: Apache-2.0 */
/* Platform functions of the rewrite: access to the frame, the maps and the CPU number. The BPF
 * program and user space each implement them; the rewrite is the same source for both. */
#ifndef TURNPIKE_XDP_PLATFORM_H_
#define TURNPIKE_XDP_PLATFORM_H_

#include "xdp/checksum.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TP_BE32(value) ((__u32)__builtin_bswap32((__u32)(value)))
#else
#define TP_BE32(value) ((__u32)(value))
#endif

#ifdef __bpf__
#include "xdp/platform_bpf.h"
#else
#include "xdp/platform_user.h"
#endif

/* A word of a frame, which may be unaligned. */
struct tp_unaligned32 {
  __u32 value;
} TP_PACKED;

TP_INLINE __u32 tp_load32(const __u8* bytes) {
  return ((const struct tp_unaligned32*)bytes)->value;
}

TP_INLINE void tp_store32(__u8* bytes, __u32 value) {
  ((struct tp_unaligned32*)bytes)->value = value;
}

struct tp_unaligned16 {
  __u16 value;
} TP_PACKED;

TP_INLINE void tp_store16(__u8* bytes, __u16 value) {
  ((struct tp_unaligned16*)bytes)->value = value;
}

#endif
