/* SPDX-License-Identifier: Apache-2.0 */
/* The fast path: takes a frame, returns an XDP verdict, and rewrites the frame if it is forwarded.
 *
 * Every check precedes the first write and the first count, so a frame that is passed to the stack
 * is unchanged and uncounted. Exceptions are counted drops (wrong tag, replay). Bandwidth is taken
 * last: the workers take it for a frame that is passed to the stack. */
#ifndef TURNPIKE_XDP_REWRITE_H_
#define TURNPIKE_XDP_REWRITE_H_

#include "xdp/bandwidth.h"
#include "xdp/replay_window.h"
#include "xdp/session_sequence.h"
#include "xdp/tag.h"
#include "xdp/transmit.h"

#define TP_TRUNK_DATA 0x11

/* Counts a forwarded packet: by what it is, and its payload's bytes as received and as sent. */
TP_INLINE void tp_count(struct tp_cpu* cpu, const struct tp_outgoing* out,
                        const struct tp_view* view, enum tp_counter packets,
                        enum tp_counter rx_bytes, enum tp_counter tx_bytes) {
  cpu->counts[packets] += 1;
  cpu->counts[rx_bytes] += view->payload;
  cpu->counts[tx_bytes] += out->udp_length - TP_UDP_BYTES;
}

/* Counts a packet of a leg. Atomic, because several CPUs may forward the leg's packets. */
TP_INLINE void tp_carry(__u64* carried, __u32 payload) {
  __sync_fetch_and_add(carried, TP_CARRIED_PACKET + payload);
}

/* Forwards ChannelData of one client as ChannelData of another. */
TP_INLINE int tp_relay_to_client(struct tp_context* context, struct tp_view* view,
                                 const struct tp_flow* flow, struct tp_cpu* cpu) {
  struct tp_outgoing out = {};
  const __u32 payload = view->payload - TP_CHANNEL_DATA_BYTES;
  if (view->padding != 0) return XDP_PASS;
  out.path = &flow->path;
  out.source_port = flow->path.local_port;
  out.hop_limit = TP_HOP_LIMIT;
  out.old_head = TP_CHANNEL_DATA_BYTES;
  out.head_bytes = TP_CHANNEL_DATA_BYTES;
  out.old_sum = view->head;
  out.head[0] = tp_channel_head(flow->channel, payload);
  __u64* carried = tp_find_flow_carried(context, &flow->cell);
  if (carried == 0 || !tp_can_transmit(context, view, &out)) return XDP_PASS;
  if (!tp_take_bandwidth(context, view, &flow->bucket, payload)) return XDP_PASS;
  tp_carry(carried, payload);
  tp_count(cpu, &out, view, TP_COUNT_CLIENT_TO_CLIENT, TP_COUNT_CLIENT_RX_BYTES,
           TP_COUNT_CLIENT_TX_BYTES);
  return tp_transmit(context, view, &out, cpu);
}

/* Sets the fields of the IP header that a packet of TURN keeps (RFC 8656 sections 13 and 14): the
 * TTL, one lower, and DSCP and ECN. */
TP_INLINE void tp_keep_ip_fields(const struct tp_view* view, struct tp_outgoing* out) {
  out->hop_limit = view->hop_limit - 1;
  out->service = view->service;
}

/* Forwards a client's ChannelData to a peer of its allocation. */
TP_INLINE int tp_relay_to_peer(struct tp_context* context, struct tp_view* view,
                               const struct tp_flow* flow, struct tp_cpu* cpu) {
  struct tp_outgoing out = {};
  out.path = &flow->path;
  out.source_port = flow->path.local_port;
  out.old_head = TP_CHANNEL_DATA_BYTES;
  out.old_tail = view->padding;
  out.old_sum = view->head;
  if (out.old_tail != 0 && !tp_sum_tail(context, view, &out)) return XDP_PASS;
  tp_keep_ip_fields(view, &out);
  __u64* carried = tp_find_flow_carried(context, &flow->cell);
  if (carried == 0 || !tp_can_transmit(context, view, &out)) return XDP_PASS;
  if (!tp_take_bandwidth(context, view, &flow->bucket, out.udp_length - TP_UDP_BYTES))
    return XDP_PASS;
  tp_carry(carried, out.udp_length - TP_UDP_BYTES);
  tp_count(cpu, &out, view, TP_COUNT_CLIENT_TO_PEER, TP_COUNT_CLIENT_RX_BYTES,
           TP_COUNT_RELAYED_TX_BYTES);
  return tp_transmit(context, view, &out, cpu);
}

/* Forwards a datagram of an allocation's peer to the client, as ChannelData. */
TP_INLINE int tp_relay_from_peer(struct tp_context* context, struct tp_view* view,
                                 const struct tp_flow* flow, struct tp_cpu* cpu) {
  struct tp_outgoing out = {};
  out.path = &flow->path;
  out.source_port = flow->path.local_port;
  out.head_bytes = TP_CHANNEL_DATA_BYTES;
  out.head[0] = tp_channel_head(flow->channel, view->payload);
  tp_keep_ip_fields(view, &out);
  __u64* carried = tp_find_flow_carried(context, &flow->cell);
  if (carried == 0 || !tp_can_transmit(context, view, &out)) return XDP_PASS;
  if (!tp_take_bandwidth(context, view, &flow->bucket, view->payload)) return XDP_PASS;
  tp_carry(carried, view->payload);
  tp_count(cpu, &out, view, TP_COUNT_PEER_TO_CLIENT, TP_COUNT_RELAYED_RX_BYTES,
           TP_COUNT_CLIENT_TX_BYTES);
  return tp_transmit(context, view, &out, cpu);
}

/* Forwards ChannelData as a trunk datagram with one record. */
TP_INLINE int tp_relay_to_trunk(struct tp_context* context, struct tp_view* view,
                                const struct tp_flow* flow, struct tp_cpu* cpu) {
  const __u32 cpu_number = tp_cpu_number(context);
  const struct tp_remote_relay* relay = tp_find_relay(context, &flow->relay_index);
  struct tp_traffic* traffic = tp_find_traffic(context, &flow->relay_index);
  __u32* cell = tp_find_flow_cell(context, &flow->cell);
  __u64* carried = tp_find_flow_carried(context, &flow->cell);
  if (relay == 0 || traffic == 0 || cell == 0 || carried == 0) return XDP_PASS;
  if (relay->generation != flow->generation || relay->lane_first == 0) return XDP_PASS;
  if (cpu_number >= TP_LANES || cpu->next_sequence == 0 || view->padding != 0) return XDP_PASS;
  const __u32 payload = view->payload - TP_CHANNEL_DATA_BYTES;
  struct tp_outgoing out = {};
  out.path = &relay->path;
  /* The CPU selects the source port. All datagrams of a lane then have one 5-tuple, so the other
   * relay receives them in one queue and in order, even if its queues differ in speed. */
  out.source_port = relay->source_ports[cpu_number & (TP_SOURCE_PORTS - 1)];
  out.hop_limit = TP_HOP_LIMIT;
  out.old_head = TP_CHANNEL_DATA_BYTES;
  out.old_sum = view->head;
  out.head_bytes = TP_TRUNK_BYTES;
  if (!tp_can_transmit(context, view, &out)) return XDP_PASS;

  const __u64 sequence = cpu->next_sequence++;
  const __u32 session_sequence = __sync_fetch_and_add(cell, 1) & 0xffff;
  const __u32 lane = (relay->lane_first + cpu_number) & 0xff;
  out.head[0] = TP_BE32((__u32)TP_TRUNK_DATA << 24 | lane << 16 | relay->send_epoch);
  out.head[1] = TP_BE32(sequence >> 32);
  out.head[2] = TP_BE32(sequence);
  out.head[5] = flow->session_index;
  out.head[6] = TP_BE32(payload << 16 | session_sequence);
  const __u64 tag = tp_tag(&relay->send_key, &out.head[0], &out.head[5]);
  tp_split64(tag, &out.head[3]);
  traffic->sent += 1;
  tp_carry(carried, payload);
  tp_count(cpu, &out, view, TP_COUNT_CLIENT_TO_TRUNK, TP_COUNT_CLIENT_RX_BYTES,
           TP_COUNT_TRUNK_TX_BYTES);
  return tp_transmit(context, view, &out, cpu);
}

/* Checks the sequence of a datagram from a relay against the replay window of its lane. `head` is
 * its first 28 bytes. Returns XDP_TX if it is fresh, XDP_DROP if it is replayed or too old, and
 * XDP_PASS if the lane has no window. */
TP_INLINE int tp_take_sequence(struct tp_context* context, const struct tp_flow* source,
                               const __u32 head[7], struct tp_cpu* cpu) {
  struct tp_window_key key = {};
  key.relay_index = source->relay_index;
  key.generation = source->generation;
  key.lane = (TP_BE32(head[0]) >> 16) & 0xff;
  struct tp_window* window = tp_find_window(context, &key);
  if (window == 0) return XDP_PASS;
  const __u64 sequence = (__u64)TP_BE32(head[1]) << 32 | TP_BE32(head[2]);
  tp_lock(window);
  const enum tp_replay replay = tp_window_take(window, sequence);
  tp_unlock(window);
  if (replay == TP_FRESH) return XDP_TX;
  cpu->counts[replay == TP_REPLAYED ? TP_COUNT_TRUNK_REPLAYED : TP_COUNT_TRUNK_TOO_OLD] += 1;
  return XDP_DROP;
}

/* Returns the receive key for the datagram's day, or null. Keys from yesterday's to tomorrow's are
 * accepted. */
TP_INLINE const struct tp_key* tp_receive_key_of(struct tp_context* context,
                                                 const struct tp_remote_relay* relay, __u32 epoch) {
  const __u32 zero = 0;
  const struct tp_config* settings = tp_find_settings(context, &zero);
  if (settings == 0 || epoch + 1 < settings->today || epoch > settings->today + 1) return 0;
  if (relay->receive[0].present && relay->receive[0].epoch == epoch) return &relay->receive[0].key;
  if (relay->receive[1].present && relay->receive[1].epoch == epoch) return &relay->receive[1].key;
  if (relay->receive[2].present && relay->receive[2].epoch == epoch) return &relay->receive[2].key;
  return 0;
}

/* Updates the session's sequence cell and counts received and lost records. The workers may update
 * the cell concurrently. After four failed swaps the record's effect on the loss count is dropped.
 */
TP_INLINE void tp_step(__u32* cell, __u16 sequence, struct tp_traffic* traffic) {
  traffic->received += 1;
  for (int i = 0; i < 4; ++i) {
    int lost;
    const __u32 before = *(volatile __u32*)cell;
    const __u32 after = tp_session_step(before, sequence, &lost);
    if (before != after && __sync_val_compare_and_swap(cell, before, after) != before) continue;
    traffic->lost += lost;
    return;
  }
}

/* Forwards a trunk datagram with one record to a client. */
TP_INLINE int tp_relay_from_trunk(struct tp_context* context, struct tp_view* view,
                                  const struct tp_flow* source, struct tp_cpu* cpu) {
  struct tp_outgoing out = {};
  __u32 head[7];
  if (view->first != TP_TRUNK_DATA || !tp_load_trunk_head(context, view, head)) return XDP_PASS;
  const __u32 payload = TP_BE32(head[6]) >> 16;
  /* Another length means several records or a malformed datagram. */
  if (payload != view->payload - TP_TRUNK_BYTES) return XDP_PASS;
  const __u32 index = TP_BE32(head[5]);
  const struct tp_session* session = tp_find_session(context, &index);
  const struct tp_remote_relay* relay = tp_find_relay(context, &source->relay_index);
  struct tp_traffic* traffic = tp_find_traffic(context, &source->relay_index);
  if (session == 0 || relay == 0 || traffic == 0) return XDP_PASS;
  if (tp_has_expired(view, session->expires)) return XDP_PASS;
  if (relay->generation != source->generation || session->relay_index != source->relay_index ||
      session->generation != source->generation) {
    return XDP_PASS;
  }
  __u32* cell = tp_find_session_cell(context, &session->cell);
  const struct tp_key* key = tp_receive_key_of(context, relay, TP_BE32(head[0]) & 0xffff);
  __u64* carried = tp_find_session_carried(context, &session->cell);
  if (cell == 0 || key == 0 || carried == 0) return XDP_PASS;
  out.path = &session->path;
  out.source_port = session->path.local_port;
  out.hop_limit = TP_HOP_LIMIT;
  out.old_head = TP_TRUNK_BYTES;
  out.head_bytes = TP_CHANNEL_DATA_BYTES;
  out.head[0] = tp_channel_head(session->channel, payload);
  for (int i = 0; i < 7; ++i) out.old_sum += head[i];
  if (!tp_can_transmit(context, view, &out)) return XDP_PASS;

  /* Compares the tags as whole 64-bit words, so that timing does not reveal how many bytes of a
   * forged tag match. */
  if (tp_tag(key, &head[0], &head[5]) != tp_join64(&head[3])) {
    cpu->counts[TP_COUNT_TRUNK_WRONG_TAG] += 1;
    cpu->counts[TP_COUNT_TRUNK_RX_BYTES] += view->payload;
    return XDP_DROP;
  }
  const int taken = tp_take_sequence(context, source, head, cpu);
  if (taken == XDP_DROP) cpu->counts[TP_COUNT_TRUNK_RX_BYTES] += view->payload;
  if (taken != XDP_TX) return taken;
  tp_step(cell, (__u16)TP_BE32(head[6]), traffic);
  tp_carry(carried, payload);
  tp_count(cpu, &out, view, TP_COUNT_TRUNK_TO_CLIENT, TP_COUNT_TRUNK_RX_BYTES,
           TP_COUNT_CLIENT_TX_BYTES);
  return tp_transmit(context, view, &out, cpu);
}

/* Returns the verdict for a frame. With XDP_PASS the frame is unchanged. */
TP_INLINE int tp_relay(struct tp_context* context) {
  struct tp_view view;
  const __u32 zero = 0;
  if (!tp_parse(context, &view)) return XDP_PASS;
  view.key.channel = tp_channel_of(&view);
  const struct tp_flow* flow = tp_find_flow(context, &view.key);
  if (flow == 0 && view.key.channel != 0) {
    /* A relayed address may receive any bytes, also bytes that look like ChannelData. */
    view.key.channel = 0;
    view.padding = 0;
    flow = tp_find_flow(context, &view.key);
  }
  struct tp_cpu* cpu = tp_find_cpu(context, &zero);
  const struct tp_config* settings = tp_find_settings(context, &zero);
  if (flow == 0 || cpu == 0 || settings == 0) return XDP_PASS;
  view.left_out = *(const volatile __u64*)&settings->left_out;
  view.second = *(const volatile __u32*)&settings->second;
  view.any_bounded = *(const volatile __u32*)&settings->any_bounded;
  if (tp_is_left_out(&view, flow->socket) || tp_has_expired(&view, flow->expires)) return XDP_PASS;
  switch (flow->kind) {
    case TP_TO_TRUNK:
      return tp_relay_to_trunk(context, &view, flow, cpu);
    case TP_TRUNK_SOURCE:
      return tp_relay_from_trunk(context, &view, flow, cpu);
    case TP_TO_CLIENT:
      return tp_relay_to_client(context, &view, flow, cpu);
    case TP_TO_PEER:
      return tp_relay_to_peer(context, &view, flow, cpu);
    case TP_FROM_PEER:
      return tp_relay_from_peer(context, &view, flow, cpu);
    default:
      return XDP_PASS;
  }
}

#endif
