/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts that the BPF program and user space share. C, as both compile it; integers are in the
 * host's order unless their type says `be`. */
#ifndef TURNPIKE_XDP_MAP_STRUCTS_H_
#define TURNPIKE_XDP_MAP_STRUCTS_H_

#include <linux/bpf.h>
#include <linux/types.h>

#include "xdp/limits.h"

/* A lane is a sequence of datagrams with a counter of its own (PROTOCOL.md section 4). Workers have
 * the lower half of the lanes, the CPUs that run the program have the TP_LANES from TP_LANE_FIRST
 * on, each CPU as many as there is room for. A CPU for which none is left sends nothing to a trunk.
 */

/* Source ports for trunk data, of which each CPU has one: those of the workers. A power of two. */
#define TP_SOURCE_PORTS TP_WORKERS_MAX

/* One word of the replay window is cleared whole when the newest sequence enters it, so what is
 * surely remembered is one word less: 4,032. What is further behind the newest is too old. */
#define TP_WINDOW_WORDS 64
#define TP_WINDOW_REMEMBERED (TP_WINDOW_WORDS * 64 - 64)

/* The sockets of a data plane are numbered: the TP_SOCKETS_PER_SIDE for clients, then those for the
 * trunk. */

/* What becomes of a datagram that matches a flow. */
enum tp_kind {
  TP_NONE = 0,
  /* ChannelData leaves as a trunk record, as ChannelData of another channel, as bare payload. */
  TP_TO_TRUNK = 1,
  TP_TO_CLIENT = 2,
  TP_TO_RAW = 3,
  /* A datagram to a relayed address leaves as ChannelData. */
  TP_FROM_RAW = 4,
  /* The sender is another relay: the record says where it goes. */
  TP_TRUNK_SOURCE = 5,
};

/* An IP address in network order; IPv4 is IPv4-mapped (RFC 4291 section 2.5.5.2). */
struct tp_address {
  __u32 words[4];
};

/* A received datagram by its addresses, and its channel if it is ChannelData, else 0. */
struct tp_flow_key {
  struct tp_address remote;
  struct tp_address local;
  __be16 remote_port;
  __be16 local_port;
  __be16 channel;
  __u16 zero;
};

/* Where a datagram goes and from which of our addresses. */
struct tp_path {
  struct tp_address remote;
  struct tp_address local;
  __be16 remote_port;
  __be16 local_port;
  /* An index in the map of destinations. */
  __u32 destination;
  /* Sums of what never changes (checksum.h), so that a packet adds only its own part, and the port
   * that it leaves from. */
  __u16 udp_sum;
  __u16 ip_sum;
  __u16 is_ipv4;
  /* The number of the socket that would send it. */
  __u16 socket;
};

/* What a leg has carried since user space looked last: packets above, payload bytes below. One
 * word, so that one atomic addition counts both. */
#define TP_CARRIED_BYTES_BITS 40
#define TP_CARRIED_PACKET (1ull << TP_CARRIED_BYTES_BITS)

struct tp_flow {
  __u32 kind;
  /* TP_TO_TRUNK, TP_TRUNK_SOURCE: the relay, and which of those that had its index. */
  __u32 relay_index;
  __u32 generation;
  /* TP_TO_TRUNK. */
  __be32 session_index;
  /* The cell that counts what this direction carries and, for TP_TO_TRUNK, numbers its records. */
  __u32 cell;
  /* The second of tp_config from which on its packets are the sockets' (Expiry); 0 is never. */
  __u32 expires;
  /* TP_TO_CLIENT, TP_FROM_RAW: the channel to write. */
  __be16 channel;
  /* The number of the socket that would receive it. */
  __u16 socket;
  struct tp_path path;
};

struct tp_session {
  __u32 relay_index;
  __u32 generation;
  __u32 cell;
  /* As of a flow. */
  __u32 expires;
  __be16 channel;
  __u16 zero;
  struct tp_path path;
};

struct tp_key {
  __u64 k0;
  __u64 k1;
};

struct tp_receive_key {
  struct tp_key key;
  __u32 epoch;
  __u32 present;
};

/* Another relay. User space puts it anew when a day begins, with that day's key to send with. */
struct tp_peer {
  __u32 generation;
  __u16 send_epoch;
  /* Added to a CPU's number for its lane; 0 where nothing can be sent. */
  __u16 lane_first;
  struct tp_key send_key;
  struct tp_receive_key receive[TP_RECEIVE_KEYS];
  /* Instead of the path's local port: that of a CPU, by its number. All are set. */
  __be16 source_ports[TP_SOURCE_PORTS];
  struct tp_path path;
};

/* One lane of one relay. The generation keeps a window from outliving the relay it is about. */
struct tp_window_key {
  __u32 relay_index;
  __u32 generation;
  __u32 lane;
};

/* Any CPU may receive any lane, so a window is used under its lock. All zero is a valid start. */
struct tp_window {
  struct bpf_spin_lock lock;
  __u32 zero;
  __u64 highest;
  __u64 seen[TP_WINDOW_WORDS];
};

/* How a destination is reached: which hop, and the largest IP packet on the way. User space writes
 * it in one piece; a size of 0 sends the packet up. */
struct tp_destination {
  __u32 hop;
  __u32 mtu;
} __attribute__((aligned(8)));

/* A neighbour: three words that are each written in one piece and carry one version, so that a
 * reader who finds three equal versions has one state of the neighbour and not two halves. */
struct tp_hop {
  __u8 remote_mac[6];
  __u16 version;
  __u8 local_mac[6];
  __u16 version_again;
  /* Where it is, or 0 while it is not known how to reach it. */
  __u32 ifindex;
  __u16 zero;
  __u16 version_at_last;
} __attribute__((aligned(8)));

struct tp_config {
  /* Whole days since 2026-01-01 UTC. */
  __u32 today;
  /* A bit for each socket: what it would receive or send is left to it. */
  __u32 left_out;
  /* Of the monotonic clock, as of a tenth of a second ago at most: to read the clock itself would
   * cost every packet a call of the kernel. */
  __u32 second;
};

/* X(name), each counted by every CPU for itself. The first ones are verdicts of verdict.h. */
#define TP_COUNTERS(X) \
  X(CLIENT_TO_TRUNK)   \
  X(CLIENT_TO_CLIENT)  \
  X(TRUNK_TO_CLIENT)   \
  X(CLIENT_TO_RAW)     \
  X(RAW_TO_CLIENT)     \
  X(TRUNK_WRONG_TAG)   \
  X(TRUNK_REPLAYED)    \
  X(TRUNK_TOO_OLD)     \
  X(REWRITE_FAILED)    \
  X(CLIENT_RX_BYTES)   \
  X(CLIENT_TX_BYTES)   \
  X(TRUNK_RX_BYTES)    \
  X(TRUNK_TX_BYTES)

enum tp_counter {
#define X(name) TP_COUNT_##name,
  TP_COUNTERS(X)
#undef X
      TP_COUNTER_COUNT
};

/* What one CPU owns. */
struct tp_cpu {
  /* The next sequence of its lane; 0 before user space has set its start. */
  __u64 next_sequence;
  __u64 packet_id;
  __u64 counts[TP_COUNTER_COUNT];
};

/* Records to and from one relay, as one CPU saw them. `lost` falls when one comes late. */
struct tp_traffic {
  __u64 sent;
  __u64 received;
  __s64 lost;
};

#endif
