/* SPDX-License-Identifier: Apache-2.0 */
/* Transmission of a rewritten frame: whether it may be sent, and the write of its new headers. */
#ifndef TURNPIKE_XDP_TRANSMIT_H_
#define TURNPIKE_XDP_TRANSMIT_H_

#include "xdp/parse.h"

/* Header of a trunk datagram (20) and of its only record (8). */
#define TP_TRUNK_BYTES 28
/* Greatest offset at which a padding byte is looked at; the verifier needs a bound. */
#define TP_TAIL_AT_MAX 0x3fff

/* A frame to send. The caller sets the members up to `head`; tp_can_transmit sets the others. */
struct tp_outgoing {
  const struct tp_path* path;
  __be16 source_port;
  /* The TTL or hop limit, and the octet of DSCP and ECN. */
  __u8 hop_limit;
  __u8 service;
  /* Bytes at the end of the payload that are not sent: ChannelData's padding. */
  __u32 old_tail;
  /* Checksum sum of the `old_head` bytes that are replaced by the first `head_bytes` bytes of
   * `head`, and of the `old_tail` bytes. */
  __u64 old_sum;
  __u32 old_head;
  __u32 head_bytes;
  /* Words in memory order; zero from `head_bytes` on. */
  __u32 head[7];

  __u32 udp_length;
  __u32 ifindex;
  /* Both MAC addresses, as words of tp_hop. */
  __u64 remote_mac;
  __u64 local_mac;
};

TP_INLINE __u64 tp_join64(const __u32 words[2]) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return words[0] | (__u64)words[1] << 32;
#else
  return (__u64)words[0] << 32 | words[1];
#endif
}

TP_INLINE void tp_split64(__u64 value, __u32 words[2]) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  words[0] = (__u32)value;
  words[1] = (__u32)(value >> 32);
#else
  words[0] = (__u32)(value >> 32);
  words[1] = (__u32)value;
#endif
}

/* Return the first and the last two bytes of a word in memory order. */
TP_INLINE __u16 tp_first16(__u32 word) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return (__u16)word;
#else
  return (__u16)(word >> 16);
#endif
}

TP_INLINE __u16 tp_last16(__u64 word) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return (__u16)(word >> 48);
#else
  return (__u16)word;
#endif
}

/* Returns a ChannelData header as a word in memory order. */
TP_INLINE __u32 tp_channel_head(__be16 channel, __u32 payload) {
  return TP_BE32((__u32)TP_BE16(channel) << 16 | payload);
}

/* Copies the trunk header and the first record header to `head`. Returns 0 if the payload is
 * shorter than these 28 bytes. */
TP_INLINE int tp_load_trunk_head(struct tp_context* context, const struct tp_view* view,
                                 __u32 head[7]) {
  __u32 headers = view->headers;
  TP_FORGET(headers);
  /* `headers` is 42 or 62. The mask gives the verifier an upper bound. */
  const __u8* payload = tp_data(context) + (headers & 63);
  if (view->payload < TP_TRUNK_BYTES || payload + TP_TRUNK_BYTES > tp_data_end(context)) return 0;
  for (int i = 0; i < 7; ++i) head[i] = tp_load32(payload + 4 * i);
  return 1;
}

/* Adds the sum of the `old_tail` last bytes of the payload to `old_sum`. Returns 0 if they are too
 * far behind to be read. */
TP_INLINE int tp_sum_tail(struct tp_context* context, const struct tp_view* view,
                          struct tp_outgoing* out) {
  __u32 at = view->headers + view->payload - out->old_tail;
  if (at > TP_TAIL_AT_MAX) return 0;
  TP_FORGET(at);
  const __u8* byte = tp_data(context) + (at & TP_TAIL_AT_MAX);
  for (__u32 i = 0; i < TP_PADDING_BYTES_MAX; ++i, ++byte) {
    if (i == out->old_tail) break;
    if (byte + 1 > tp_data_end(context)) return 0;
    /* The UDP header, and so each 16-bit word, starts at an even offset. */
    out->old_sum += TP_BE16((at + i) & 1 ? *byte : *byte << 8);
  }
  return 1;
}

/* Returns whether the packets of a socket are left to the stack. */
TP_INLINE int tp_is_left_out(const struct tp_view* view, __u16 socket) {
  return (view->left_out >> (socket & 63)) & 1;
}

/* Returns whether a flow or session has expired. `expires` 0 means never: 0 - 1 is the largest
 * second. */
TP_INLINE int tp_has_expired(const struct tp_view* view, __u32 expires) {
  return view->second > expires - 1;
}

/* Returns whether the next hop is known and the packet fits the path's MTU. If so, sets the
 * remaining members of `out`. */
TP_INLINE int tp_can_transmit(struct tp_context* context, const struct tp_view* view,
                              struct tp_outgoing* out) {
  const struct tp_path* path = out->path;
  if (tp_is_left_out(view, path->socket)) return 0;
  const struct tp_destination* to = tp_find_destination(context, &path->destination);
  if (to == 0) return 0;
  __u32 parts[2];
  tp_split64(*(const volatile __u64*)to, parts);
  const struct tp_hop* hop = tp_find_hop(context, &parts[0]);
  if (hop == 0) return 0;
  out->udp_length = TP_UDP_BYTES + view->payload - out->old_head - out->old_tail + out->head_bytes;
  /* Larger packets need fragmentation, which the stack does. */
  const __u32 ip_length = out->udp_length + (path->is_ipv4 ? TP_IPV4_BYTES : TP_IPV6_BYTES);
  if (ip_length > parts[1]) return 0;
  const volatile __u64* words = (const volatile __u64*)hop;
  out->remote_mac = words[0];
  out->local_mac = words[1];
  const __u64 last = words[2];
  const __u16 version = tp_last16(last);
  if (tp_last16(out->remote_mac) != version || tp_last16(out->local_mac) != version) return 0;
  tp_split64(last, parts);
  out->ifindex = parts[0];
  return out->ifindex != 0;
}

TP_INLINE void tp_write_ethernet(struct tp_ethernet* ethernet, const struct tp_outgoing* out) {
  __u32 words[2];
  __u8* bytes = (__u8*)ethernet;
  tp_split64(out->remote_mac, words);
  tp_store32(bytes, words[0]);
  tp_store16(bytes + 4, tp_first16(words[1]));
  tp_split64(out->local_mac, words);
  tp_store32(bytes + 6, words[0]);
  tp_store16(bytes + 10, tp_first16(words[1]));
  ethernet->type = out->path->is_ipv4 ? TP_BE16(TP_ETHERTYPE_IPV4) : TP_BE16(TP_ETHERTYPE_IPV6);
}

TP_INLINE void tp_write_ipv4(struct tp_ipv4* ip, const struct tp_outgoing* out, __be16 id) {
  const struct tp_path* path = out->path;
  const __be16 length = TP_BE16(TP_IPV4_BYTES + out->udp_length);
  ip->version_and_words = 0x45;
  ip->service = out->service;
  ip->length = length;
  ip->id = id;
  /* "Don't fragment" is clear, as in packets from the relay's sockets. For TURN that is the
   * alternate behaviour of RFC 8656 section 14. */
  ip->fragment = 0;
  ip->hop_limit = out->hop_limit;
  ip->protocol = TP_PROTOCOL_UDP;
  ip->checksum = tp_ip_checksum(path, length, id, out->hop_limit, out->service);
  ip->source = path->local.words[3];
  ip->destination = path->remote.words[3];
}

TP_INLINE void tp_write_ipv6(struct tp_ipv6* ip, const struct tp_outgoing* out) {
  ip->version_class_flow = TP_BE32(0x60000000 | (__u32)out->service << 20);
  ip->payload_length = TP_BE16(out->udp_length);
  ip->next_header = TP_PROTOCOL_UDP;
  ip->hop_limit = out->hop_limit;
  for (int i = 0; i < 4; ++i) {
    ip->source[i] = out->path->local.words[i];
    ip->destination[i] = out->path->remote.words[i];
  }
}

/* Returns the UDP checksum of the outgoing datagram, updated from the received one. */
TP_INLINE __u16 tp_new_checksum(const struct tp_view* view, const struct tp_outgoing* out) {
  /* The length is covered twice: in the UDP header and in the pseudo-header. */
  const __u64 before = tp_tuple_sum(&view->key.remote, &view->key.local, view->key.remote_port,
                                    view->key.local_port) +
                       2 * (__u64)TP_BE16(view->payload + TP_UDP_BYTES) + out->old_sum;
  __u64 after = (__u64)out->path->udp_sum + out->source_port + 2 * (__u64)TP_BE16(out->udp_length);
  for (int i = 0; i < 7; ++i) after += out->head[i];
  return tp_update_checksum(view->checksum, before, after);
}

/* Writes the UDP header and the bytes before the payload. Returns 0 if the frame is too short. */
TP_INLINE int tp_write_udp(__u8* start, __u8* end, const struct tp_outgoing* out, __u16 checksum) {
  struct tp_udp* udp = (struct tp_udp*)start;
  if (start + TP_UDP_BYTES > end) return 0;
  udp->source = out->source_port;
  udp->destination = out->path->remote_port;
  udp->length = TP_BE16(out->udp_length);
  udp->checksum = checksum;
  __u8* const head = start + TP_UDP_BYTES;
  if (out->head_bytes == 0) return 1;
  if (head + TP_CHANNEL_DATA_BYTES > end) return 0;
  tp_store32(head, out->head[0]);
  if (out->head_bytes != TP_TRUNK_BYTES) return 1;
  if (head + TP_TRUNK_BYTES > end) return 0;
  for (int i = 1; i < 7; ++i) tp_store32(head + 4 * i, out->head[i]);
  return 1;
}

/* Writes the new headers before the payload, which does not move. Returns 0 on failure; then the
 * frame may be partly written. */
TP_INLINE int tp_write(struct tp_context* context, const struct tp_view* view,
                       const struct tp_outgoing* out, struct tp_cpu* cpu) {
  const __u32 is_ipv4 = out->path->is_ipv4;
  const __u32 ip_bytes = is_ipv4 ? TP_IPV4_BYTES : TP_IPV6_BYTES;
  const __u32 headers = TP_ETHERNET_BYTES + ip_bytes + TP_UDP_BYTES + out->head_bytes;
  const __u16 checksum = tp_new_checksum(view, out);
  const int moved = (int)(view->headers + out->old_head) - (int)headers;
  if (moved != 0 && tp_adjust_head(context, moved) != 0) return 0;
  const __u32 slack = view->slack + out->old_tail;
  if (slack > 0 && tp_adjust_tail(context, -(int)slack) != 0) return 0;
  __u8* const data = tp_data(context);
  __u8* const end = tp_data_end(context);
  if (is_ipv4) {
    if (data + TP_ETHERNET_BYTES + TP_IPV4_BYTES > end) return 0;
    /* The identification distinguishes fragmented packets, so a number that changes with each
     * packet suffices. */
    const __be16 id = (__be16)(++cpu->packet_id * 0x9e35);
    tp_write_ethernet((struct tp_ethernet*)data, out);
    tp_write_ipv4((struct tp_ipv4*)(data + TP_ETHERNET_BYTES), out, id);
    return tp_write_udp(data + TP_ETHERNET_BYTES + TP_IPV4_BYTES, end, out, checksum);
  }
  if (data + TP_ETHERNET_BYTES + TP_IPV6_BYTES > end) return 0;
  tp_write_ethernet((struct tp_ethernet*)data, out);
  tp_write_ipv6((struct tp_ipv6*)(data + TP_ETHERNET_BYTES), out);
  return tp_write_udp(data + TP_ETHERNET_BYTES + TP_IPV6_BYTES, end, out, checksum);
}

/* Rewrites the frame and returns the verdict that sends it. A failed rewrite is counted and
 * dropped. */
TP_INLINE int tp_transmit(struct tp_context* context, const struct tp_view* view,
                          const struct tp_outgoing* out, struct tp_cpu* cpu) {
  if (!tp_write(context, view, out, cpu)) {
    cpu->counts[TP_COUNT_REWRITE_FAILED] += 1;
    return XDP_DROP;
  }
  return out->ifindex == tp_ingress(context) ? XDP_TX : tp_redirect(context, out->ifindex);
}

#endif
