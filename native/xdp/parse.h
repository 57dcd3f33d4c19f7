/* SPDX-License-Identifier: Apache-2.0 */
/* Parses a frame into a view of its UDP datagram. Only a complete, unfragmented datagram without IP
 * options, extension headers or VLAN tags is accepted. Every other frame is passed to the stack. */
#ifndef TURNPIKE_XDP_PARSE_H_
#define TURNPIKE_XDP_PARSE_H_

#include "xdp/platform.h"

#define TP_ETHERTYPE_IPV4 0x0800
#define TP_ETHERTYPE_IPV6 0x86dd
#define TP_ETHERNET_BYTES 14
#define TP_IPV4_BYTES 20
#define TP_IPV6_BYTES 40
#define TP_UDP_BYTES 8
#define TP_CHANNEL_DATA_BYTES 4
#define TP_PADDING_BYTES_MAX 3

/* Protocol headers as they lie in a frame. A frame may start at any even address. */
struct tp_ethernet {
  __u8 destination[6];
  __u8 source[6];
  __be16 type;
} TP_PACKED;

struct tp_ipv4 {
  __u8 version_and_words;
  __u8 service;
  __be16 length;
  __be16 id;
  __be16 fragment;
  __u8 hop_limit;
  __u8 protocol;
  __u16 checksum;
  __be32 source;
  __be32 destination;
} TP_PACKED;

struct tp_ipv6 {
  __be32 version_class_flow;
  __be16 payload_length;
  __u8 next_header;
  __u8 hop_limit;
  __u32 source[4];
  __u32 destination[4];
} TP_PACKED;

struct tp_udp {
  __be16 source;
  __be16 destination;
  __be16 length;
  __u16 checksum;
} TP_PACKED;

/* A received datagram. In the key, `remote` is the sender and `local` is the relay's address. */
struct tp_view {
  struct tp_flow_key key;
  /* Bytes before the UDP payload, in the payload, and of Ethernet padding behind it. */
  __u32 headers;
  __u32 payload;
  __u32 slack;
  __u16 checksum;
  /* The TTL or hop limit, and the octet of DSCP and ECN (RFC 3260, RFC 3168). */
  __u8 hop_limit;
  __u8 service;
  /* The first payload byte, or 0 if the payload is empty. */
  __u8 first;
  /* Bytes of padding at the end of the payload if it is ChannelData, else 0. */
  __u8 padding;
  /* The first four payload bytes as a word, or 0 if the payload is shorter. */
  __u32 head;
  /* Copies of the fields of tp_config, read once per datagram. */
  __u64 left_out;
  __u32 second;
  __u32 any_bounded;
};

TP_INLINE void tp_map_ipv4(struct tp_address* address, __be32 ipv4) {
  address->words[0] = 0;
  address->words[1] = 0;
  address->words[2] = TP_BE32(0xffff);
  address->words[3] = ipv4;
}

/* Parses an IPv4 header. Returns the length of the IP payload in bytes, or 0 to pass the frame to
 * the stack. */
TP_INLINE __u32 tp_parse_ipv4(const struct tp_ipv4* ip, struct tp_view* view) {
  /* 0x45 is version 4 without options. The mask ignores "don't fragment" (0x4000) and rejects the
   * reserved bit, "more fragments" and any fragment offset. */
  if (ip->version_and_words != 0x45 || (ip->fragment & TP_BE16(0xbfff)) != 0) return 0;
  if (ip->protocol != TP_PROTOCOL_UDP || ip->hop_limit <= 1) return 0;
  const __u32 length = TP_BE16(ip->length);
  view->hop_limit = ip->hop_limit;
  view->service = ip->service;
  tp_map_ipv4(&view->key.remote, ip->source);
  tp_map_ipv4(&view->key.local, ip->destination);
  return length > TP_IPV4_BYTES ? length - TP_IPV4_BYTES : 0;
}

/* Parses an IPv6 header; returns as tp_parse_ipv4. A packet with an extension header has another
 * next header than UDP and is passed to the stack. */
TP_INLINE __u32 tp_parse_ipv6(const struct tp_ipv6* ip, struct tp_view* view) {
  if ((ip->version_class_flow & TP_BE32(0xf0000000)) != TP_BE32(0x60000000)) return 0;
  if (ip->next_header != TP_PROTOCOL_UDP || ip->hop_limit <= 1) return 0;
  view->hop_limit = ip->hop_limit;
  view->service = (__u8)(TP_BE32(ip->version_class_flow) >> 20);
  for (int i = 0; i < 4; ++i) {
    view->key.remote.words[i] = ip->source[i];
    view->key.local.words[i] = ip->destination[i];
  }
  return TP_BE16(ip->payload_length);
}

/* Parses a frame without changing it. Returns 1 if it is a datagram that may be looked up; then
 * `view` is complete except for the channel, `left_out` and `second`. Otherwise returns 0. */
TP_INLINE int tp_parse(struct tp_context* context, struct tp_view* view) {
  __u8* const data = tp_data(context);
  __u8* const end = tp_data_end(context);
  const struct tp_ethernet* ethernet = (const struct tp_ethernet*)data;
  __u32 ip_payload;
  __u32 offset;
  if (data + TP_ETHERNET_BYTES + TP_IPV4_BYTES > end) return 0;
  /* Multicast and broadcast frames are passed to the stack. */
  if ((ethernet->destination[0] & 1) != 0) return 0;
  if (ethernet->type == TP_BE16(TP_ETHERTYPE_IPV4)) {
    ip_payload = tp_parse_ipv4((const struct tp_ipv4*)(data + TP_ETHERNET_BYTES), view);
    offset = TP_ETHERNET_BYTES + TP_IPV4_BYTES;
  } else if (ethernet->type == TP_BE16(TP_ETHERTYPE_IPV6)) {
    if (data + TP_ETHERNET_BYTES + TP_IPV6_BYTES > end) return 0;
    ip_payload = tp_parse_ipv6((const struct tp_ipv6*)(data + TP_ETHERNET_BYTES), view);
    offset = TP_ETHERNET_BYTES + TP_IPV6_BYTES;
  } else {
    return 0;
  }
  const __u32 frame = (__u32)(end - data);
  if (ip_payload < TP_UDP_BYTES || data + offset + TP_UDP_BYTES > end) return 0;
  if (frame < offset + ip_payload) return 0;

  const struct tp_udp* udp = (const struct tp_udp*)(data + offset);
  /* A datagram without a checksum has none to update. Source port 0 cannot be replied to. */
  if (TP_BE16(udp->length) != ip_payload || udp->checksum == 0 || udp->source == 0) return 0;
  view->key.remote_port = udp->source;
  view->key.local_port = udp->destination;
  view->key.channel = 0;
  view->key.zero = 0;
  view->headers = offset + TP_UDP_BYTES;
  view->payload = ip_payload - TP_UDP_BYTES;
  view->slack = frame - offset - ip_payload;
  view->checksum = udp->checksum;
  view->first = 0;
  view->padding = 0;
  view->head = 0;
  view->left_out = 0;
  view->second = 0;
  const __u8* const payload = data + offset + TP_UDP_BYTES;
  if (view->payload >= TP_CHANNEL_DATA_BYTES && payload + TP_CHANNEL_DATA_BYTES <= end) {
    view->first = payload[0];
    view->head = tp_load32(payload);
  } else if (view->payload > 0 && payload + 1 <= end) {
    view->first = payload[0];
  }
  return 1;
}

/* Returns the channel number of a datagram that is one ChannelData message (RFC 8656 section 12.4),
 * and sets its padding; else returns 0. Padding is allowed over UDP: 0 to 3 bytes. */
TP_INLINE __be16 tp_channel_of(struct tp_view* view) {
  const __u32 head = TP_BE32(view->head);
  if ((view->first & 0xc0) != 0x40 || view->payload < TP_CHANNEL_DATA_BYTES) return 0;
  const __u32 rest = view->payload - TP_CHANNEL_DATA_BYTES;
  const __u32 data = head & 0xffff;
  if (data > rest || rest - data > TP_PADDING_BYTES_MAX) return 0;
  view->padding = (__u8)(rest - data);
  return TP_BE16(head >> 16);
}

#endif
