/* SPDX-License-Identifier: Apache-2.0 */
/* The trunk tag of a datagram with one record: SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012)
 * over 20 bytes, the tagged part of the header and the record header. Unrolled to three 64-bit
 * words. */
#ifndef TURNPIKE_XDP_TAG_H_
#define TURNPIKE_XDP_TAG_H_

#include "xdp/checksum.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TP_LE64(value) ((__u64)(value))
#else
#define TP_LE64(value) ((__u64)__builtin_bswap64(value))
#endif

#define TP_ROTATE(value, bits) ((value) << (bits) | (value) >> (64 - (bits)))

#define TP_SIP_ROUND(v0, v1, v2, v3) \
  do {                               \
    v0 += v1;                        \
    v2 += v3;                        \
    v1 = TP_ROTATE(v1, 13) ^ v0;     \
    v3 = TP_ROTATE(v3, 16) ^ v2;     \
    v0 = TP_ROTATE(v0, 32);          \
    v2 += v1;                        \
    v0 += v3;                        \
    v1 = TP_ROTATE(v1, 17) ^ v2;     \
    v3 = TP_ROTATE(v3, 21) ^ v0;     \
    v2 = TP_ROTATE(v2, 32);          \
  } while (0)

#define TP_SIP_COMPRESS(word)     \
  do {                            \
    v3 ^= (word);                 \
    TP_SIP_ROUND(v0, v1, v2, v3); \
    TP_SIP_ROUND(v0, v1, v2, v3); \
    v0 ^= (word);                 \
  } while (0)

/* Returns the tag as it lies in a datagram. `header` is the first 12 bytes of the datagram,
 * `record` the record header, both as words in memory order. */
TP_INLINE __u64 tp_tag(const struct tp_key* key, const __u32 header[3], const __u32 record[2]) {
  __u64 v0 = key->k0 ^ 0x736f6d6570736575ULL;
  __u64 v1 = key->k1 ^ 0x646f72616e646f6dULL;
  __u64 v2 = key->k0 ^ 0x6c7967656e657261ULL;
  __u64 v3 = key->k1 ^ 0x7465646279746573ULL;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  const __u64 first = header[0] | (__u64)header[1] << 32;
  const __u64 second = header[2] | (__u64)record[0] << 32;
  const __u64 last = record[1] | 20ULL << 56;
#else
  const __u64 first = TP_LE64((__u64)header[0] << 32 | header[1]);
  const __u64 second = TP_LE64((__u64)header[2] << 32 | record[0]);
  const __u64 last = TP_LE64((__u64)record[1] << 32) | 20ULL << 56;
#endif
  TP_SIP_COMPRESS(first);
  TP_SIP_COMPRESS(second);
  TP_SIP_COMPRESS(last);
  v2 ^= 0xff;
  TP_SIP_ROUND(v0, v1, v2, v3);
  TP_SIP_ROUND(v0, v1, v2, v3);
  TP_SIP_ROUND(v0, v1, v2, v3);
  TP_SIP_ROUND(v0, v1, v2, v3);
  return TP_LE64(v0 ^ v1 ^ v2 ^ v3);
}

#endif
