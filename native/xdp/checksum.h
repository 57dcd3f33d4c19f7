/* SPDX-License-Identifier: Apache-2.0 */
/* The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums are taken over words
 * as they lie in memory, which is correct in either byte order, and folded at the end.
 *
 * The UDP checksum is updated, never computed from the data. A payload that was damaged before it
 * arrived still fails the receiver's check. */
#ifndef TURNPIKE_XDP_CHECKSUM_H_
#define TURNPIKE_XDP_CHECKSUM_H_

#include "xdp/map_structs.h"

#define TP_INLINE static inline __attribute__((always_inline))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TP_BE16(value) ((__u16)__builtin_bswap16((__u16)(value)))
#else
#define TP_BE16(value) ((__u16)(value))
#endif

#define TP_PROTOCOL_UDP 17
/* TTL and hop limit of every packet sent, but for TURN. A relay is an endpoint, so it does not
 * decrement the received value. */
#define TP_HOP_LIMIT 64

/* Folds a sum to 16 bits in one's complement arithmetic. */
TP_INLINE __u16 tp_fold(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16)sum;
}

/* Sums an address. The prefix of an IPv4-mapped address sums to zero, so the result is valid for
 * both families. */
TP_INLINE __u64 tp_address_sum(const struct tp_address* address) {
  return (__u64)address->words[0] + address->words[1] + address->words[2] + address->words[3];
}

/* Sums addresses and ports: the part of the UDP pseudo-header and header that a path determines. */
TP_INLINE __u64 tp_tuple_sum(const struct tp_address* a, const struct tp_address* b, __be16 a_port,
                             __be16 b_port) {
  return tp_address_sum(a) + tp_address_sum(b) + a_port + b_port;
}

/* Sets the partial checksums of a path whose addresses and remote port are set. */
TP_INLINE void tp_set_path_sums(struct tp_path* path) {
  path->udp_sum = tp_fold(tp_tuple_sum(&path->remote, &path->local, path->remote_port, 0));
  path->ip_sum = tp_fold((__u64)TP_BE16(0x4500) + TP_BE16(TP_PROTOCOL_UDP) + path->remote.words[3] +
                         path->local.words[3]);
}

/* Returns the IPv4 header checksum: the path's part plus what is the packet's own. */
TP_INLINE __u16 tp_ip_checksum(const struct tp_path* path, __be16 length, __be16 id, __u8 hop_limit,
                               __u8 service) {
  return (__u16)~tp_fold((__u64)path->ip_sum + length + id + TP_BE16(hop_limit << 8) +
                         TP_BE16(service));
}

/* Returns the UDP checksum after words that sum to `before` are replaced by words that sum to
 * `after`. A result of 0 would mean "no checksum" on the wire and is returned as 0xffff, which is
 * equal in one's complement. */
TP_INLINE __u16 tp_update_checksum(__u16 checksum, __u64 before, __u64 after) {
  const __u16 gone = (__u16)~tp_fold(before);
  const __u16 updated = (__u16)~tp_fold((__u64)(__u16)~checksum + gone + tp_fold(after));
  return updated == 0 ? 0xffff : updated;
}

#endif
