/* SPDX-License-Identifier: Apache-2.0 */
/* A frame on its way out: whether it may leave, and the write of its new headers. */
#ifndef TURNPIKE_XDP_TRANSMIT_H_
#define TURNPIKE_XDP_TRANSMIT_H_

#include "xdp/parse.h"

/* Header of a trunk datagram (20) and of its only record (8). */
#define TP_TRUNK_BYTES 28

/* What leaves. The first half is the caller's to set, the second tp_can_transmit's. */
struct tp_outgoing {
  const struct tp_path* path;
  __be16 source_port;
  /* Sum of the old_head bytes that make way for the first head_bytes of `head`. */
  __u64 old_sum;
  __u32 old_head;
  __u32 head_bytes;
  /* As they will lie in memory; zero behind head_bytes. */
  __u32 head[7];

  __u32 udp_length;
  __u32 ifindex;
  /* Both MAC addresses, as the words of a hop. */
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

/* The first and the last two bytes of words, as they lie in memory. */
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

/* The four bytes of a ChannelData header. */
TP_INLINE __u32 tp_channel_head(__be16 channel, __u32 payload) {
  return TP_BE32((__u32)TP_BE16(channel) << 16 | payload);
}

/* The 28 bytes before the payload of a trunk datagram's first record; 0 if it is shorter. */
TP_INLINE int tp_load_trunk_head(struct tp_context* context, const struct tp_view* view,
                                 __u32 head[7]) {
  __u32 headers = view->headers;
  TP_FORGET(headers);
  /* Are 42 or 62; the mask tells the verifier. */
  const __u8* payload = tp_data(context) + (headers & 63);
  if (view->payload < TP_TRUNK_BYTES || payload + TP_TRUNK_BYTES > tp_data_end(context)) return 0;
  for (int i = 0; i < 7; ++i) head[i] = tp_load32(payload + 4 * i);
  return 1;
}

/* Whether a socket is one of those that keep their packets. */
TP_INLINE int tp_is_left_out(const struct tp_view* view, __u16 socket) {
  return (view->left_out >> (socket & (2 * TP_SOCKETS_PER_SIDE - 1))) & 1;
}

/* Whether a flow or session has ended by itself: 0, which is never, less 1 is a second that never
 * comes. */
TP_INLINE int tp_has_expired(const struct tp_view* view, __u32 expires) {
  return view->second > expires - 1;
}

/* Whether the hop is known and the packet fits its way; then the rest of `out` is filled in. */
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
  out->udp_length = TP_UDP_BYTES + view->payload - out->old_head + out->head_bytes;
  /* The sockets' packet would be fragmented; this program makes no fragments. */
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
  ip->service = 0;
  ip->length = length;
  ip->id = id;
  /* As from our sockets: a router on the way may fragment it. */
  ip->fragment = 0;
  ip->hop_limit = TP_HOP_LIMIT;
  ip->protocol = TP_PROTOCOL_UDP;
  ip->checksum = tp_ip_checksum(path, length, id);
  ip->source = path->local.words[3];
  ip->destination = path->remote.words[3];
}

TP_INLINE void tp_write_ipv6(struct tp_ipv6* ip, const struct tp_outgoing* out) {
  ip->version_class_flow = TP_BE32(0x60000000);
  ip->payload_length = TP_BE16(out->udp_length);
  ip->next_header = TP_PROTOCOL_UDP;
  ip->hop_limit = TP_HOP_LIMIT;
  for (int i = 0; i < 4; ++i) {
    ip->source[i] = out->path->local.words[i];
    ip->destination[i] = out->path->remote.words[i];
  }
}

/* The UDP checksum of what leaves, from the one that came. */
TP_INLINE __u16 tp_new_checksum(const struct tp_view* view, const struct tp_outgoing* out) {
  /* The length counts twice: in the header and in the pseudo-header. */
  const __u64 before = tp_tuple_sum(&view->key.remote, &view->key.local, view->key.remote_port,
                                    view->key.local_port) +
                       2 * (__u64)TP_BE16(view->payload + TP_UDP_BYTES) + out->old_sum;
  __u64 after = (__u64)out->path->udp_sum + out->source_port + 2 * (__u64)TP_BE16(out->udp_length);
  for (int i = 0; i < 7; ++i) after += out->head[i];
  return tp_update_checksum(view->checksum, before, after);
}

/* Writes UDP's header and what stands before the payload; 0 when the frame has no room. */
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

/* Writes the new headers before the payload, which stays where it is; 0 when that failed, and the
 * frame may be half written. */
TP_INLINE int tp_write(struct tp_context* context, const struct tp_view* view,
                       const struct tp_outgoing* out, struct tp_cpu* cpu) {
  const __u32 is_ipv4 = out->path->is_ipv4;
  const __u32 ip_bytes = is_ipv4 ? TP_IPV4_BYTES : TP_IPV6_BYTES;
  const __u32 headers = TP_ETHERNET_BYTES + ip_bytes + TP_UDP_BYTES + out->head_bytes;
  const __u16 checksum = tp_new_checksum(view, out);
  const int moved = (int)(view->headers + out->old_head) - (int)headers;
  if (moved != 0 && tp_adjust_head(context, moved) != 0) return 0;
  if (view->slack > 0 && tp_adjust_tail(context, -(int)view->slack) != 0) return 0;
  __u8* const data = tp_data(context);
  __u8* const end = tp_data_end(context);
  if (is_ipv4) {
    if (data + TP_ETHERNET_BYTES + TP_IPV4_BYTES > end) return 0;
    /* Identifies fragments alone, so any number that changes will do. */
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

/* Rewrites the frame and sends it. */
TP_INLINE int tp_transmit(struct tp_context* context, const struct tp_view* view,
                          const struct tp_outgoing* out, struct tp_cpu* cpu) {
  if (!tp_write(context, view, out, cpu)) {
    cpu->counts[TP_COUNT_REWRITE_FAILED] += 1;
    return XDP_DROP;
  }
  return out->ifindex == tp_ingress(context) ? XDP_TX : tp_redirect(context, out->ifindex);
}

#endif
