/* SPDX-License-Identifier: Apache-2.0 */
/* Memory layouts that the BPF program and user space share. Both compilers read this file, so it is
 * C. Integers are in host byte order unless their type is `__be16` or `__be32`. */
#ifndef TURNPIKE_XDP_MAP_STRUCTS_H_
#define TURNPIKE_XDP_MAP_STRUCTS_H_

#include <linux/bpf.h>
#include <linux/types.h>

#include "xdp/limits.h"

/* A lane is a sequence of datagrams with its own counter (PROTOCOL.md section 4). Workers use the
 * lower half of the lanes. The TP_LANES lanes from TP_LANE_FIRST on belong to the CPUs that run the
 * program; a CPU has one lane in each set of lanes. A CPU whose number is TP_LANES or higher has no
 * lane and passes packets for a trunk to the sockets. */

/* Number of source ports for trunk data: those of the workers. CPUs share them by their number.
 * Must be a power of two. */
#define TP_SOURCE_PORTS TP_WORKERS_MAX

/* Size of the replay window in 64-bit words. When the newest sequence enters a word, the whole word
 * is cleared. The window therefore remembers at least one word less: 4,032 sequences. A sequence
 * that is further behind the newest is too old. */
#define TP_WINDOW_WORDS 64
#define TP_WINDOW_REMEMBERED (TP_WINDOW_WORDS * 64 - 64)

/* Sockets of a data plane are numbered: first TP_SOCKETS_PER_SIDE numbers for client sockets, then
 * as many for trunk sockets, then as many for relayed IP addresses, each with all its ports. */
#define TP_RELAYED_FIRST (2 * TP_SOCKETS_PER_SIDE)

/* How the program rewrites a datagram that matches a flow. */
enum tp_kind {
  TP_NONE = 0,
  /* Received ChannelData is sent as a trunk record, as ChannelData on another channel, or as the
   * bare payload to a peer of an allocation (RFC 8656). */
  TP_TO_TRUNK = 1,
  TP_TO_CLIENT = 2,
  TP_TO_PEER = 3,
  /* A peer's datagram to a relayed address is sent as ChannelData. */
  TP_FROM_PEER = 4,
  /* The sender is another relay. The record in the datagram selects the session. */
  TP_TRUNK_SOURCE = 5,
};

/* An IP address in network byte order. IPv4 addresses are IPv4-mapped (RFC 4291 section 2.5.5.2).
 */
struct tp_address {
  __u32 words[4];
};

/* Key of a flow: the addresses of a received datagram, and its channel number if it is ChannelData,
 * else 0. */
struct tp_flow_key {
  struct tp_address remote;
  struct tp_address local;
  __be16 remote_port;
  __be16 local_port;
  __be16 channel;
  __u16 zero;
};

/* Where a datagram is sent, and from which local address. */
struct tp_path {
  struct tp_address remote;
  struct tp_address local;
  __be16 remote_port;
  __be16 local_port;
  /* Index in the map `destinations`. */
  __u32 destination;
  /* Partial checksums of the fields that are the same for every packet of the path (checksum.h).
   * The per-packet fields and the source port are added when a packet is sent. */
  __u16 udp_sum;
  __u16 ip_sum;
  __u16 is_ipv4;
  /* Number of the socket that sends to this path when the fast path does not. */
  __u16 socket;
};

/* Packets and payload bytes that a leg has carried since user space last read them: packets in the
 * upper bits, bytes in the lower TP_CARRIED_BYTES_BITS. One word, so that one atomic addition
 * counts both. */
#define TP_CARRIED_BYTES_BITS 40
#define TP_CARRIED_PACKET (1ull << TP_CARRIED_BYTES_BITS)

struct tp_flow {
  __u32 kind;
  /* TP_TO_TRUNK, TP_TRUNK_SOURCE: the relay's index. The generation tells apart the relays that
   * have had this index. */
  __u32 relay_index;
  __u32 generation;
  /* TP_TO_TRUNK. */
  __be32 session_index;
  /* Index of the cell that counts this direction's traffic and, for TP_TO_TRUNK, its session
   * sequence. */
  __u32 cell;
  /* Monotonic second (tp_config.second) at which the flow expires; packets then go to the sockets.
   * 0 means never. */
  __u32 expires;
  /* TP_TO_CLIENT, TP_FROM_PEER: the channel number to write. */
  __be16 channel;
  /* Number of the socket that receives its datagrams when the fast path does not. */
  __u16 socket;
  /* The bandwidth bucket that its bytes are taken from, or 0. */
  __u32 bucket;
  struct tp_path path;
};

/* Smallest size of a bandwidth bucket in bytes: kBurstBytesMin. */
#define TP_BURST_BYTES_MIN 65536

/* A bandwidth bucket, which the workers take from too: BandwidthBuckets::Cell. */
struct tp_bucket {
  __u64 due_ns;
  __u64 bytes_per_second;
  __u64 rest[6];
};

struct tp_session {
  __u32 relay_index;
  __u32 generation;
  __u32 cell;
  /* Monotonic second at which the session expires, as in tp_flow. */
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

/* Another relay. User space writes the entry again at the start of each UTC day, with that day's
 * send key. */
struct tp_remote_relay {
  __u32 generation;
  __u16 send_epoch;
  /* First lane of the set in use: a CPU sends in lane_first plus its number. 0 if nothing can be
   * sent. */
  __u16 lane_first;
  struct tp_key send_key;
  struct tp_receive_key receive[TP_RECEIVE_KEYS];
  /* Source ports, indexed by CPU number modulo TP_SOURCE_PORTS; used in place of the path's local
   * port. Every element is set. */
  __be16 source_ports[TP_SOURCE_PORTS];
  struct tp_path path;
};

/* Key of a replay window: one lane of one relay. The generation separates it from the windows of an
 * earlier relay with the same index. */
struct tp_window_key {
  __u32 relay_index;
  __u32 generation;
  __u32 lane;
};

/* Replay window of a lane. Any CPU may receive any lane, so the lock guards every use. All zero is
 * a valid initial state. */
struct tp_window {
  struct bpf_spin_lock lock;
  __u32 zero;
  __u64 highest;
  __u64 seen[TP_WINDOW_WORDS];
};

/* How a destination is reached: the next hop, and the largest IP packet on the path in bytes. User
 * space writes both in one 64-bit store. An mtu of 0 passes every packet to the stack. */
struct tp_destination {
  __u32 hop;
  __u32 mtu;
} __attribute__((aligned(8)));

/* A neighbour as three 64-bit words. User space writes each word in one store and puts the same
 * version in all three. A reader that finds three equal versions has a consistent neighbour. */
struct tp_hop {
  __u8 remote_mac[6];
  __u16 version;
  __u8 local_mac[6];
  __u16 version_again;
  /* The device to send through, or 0 while the MAC address is not known. */
  __u32 ifindex;
  __u16 zero;
  __u16 version_at_last;
} __attribute__((aligned(8)));

struct tp_config {
  /* Whole days since 2026-01-01 UTC. */
  __u32 today;
  /* The monotonic clock in whole seconds, at most 0.1 s old. Reading the clock in the program would
   * cost a helper call per packet. */
  __u32 second;
  /* Bit n is set for socket number n: what it receives or sends is left to the stack. */
  __u64 left_out;
  /* Whether any bandwidth bucket has a rate; if not, no bucket is read. */
  __u32 any_bounded;
  __u32 zero;
};

/* X(name) for each counter. Every CPU counts for itself. xdp_counters.cc maps them to the counters
 * of the data plane. */
#define TP_COUNTERS(X) \
  X(CLIENT_TO_TRUNK)   \
  X(CLIENT_TO_CLIENT)  \
  X(TRUNK_TO_CLIENT)   \
  X(CLIENT_TO_PEER)    \
  X(PEER_TO_CLIENT)    \
  X(TRUNK_WRONG_TAG)   \
  X(TRUNK_REPLAYED)    \
  X(TRUNK_TOO_OLD)     \
  X(REWRITE_FAILED)    \
  X(CLIENT_RX_BYTES)   \
  X(CLIENT_TX_BYTES)   \
  X(TRUNK_RX_BYTES)    \
  X(TRUNK_TX_BYTES)    \
  X(RELAYED_RX_BYTES)  \
  X(RELAYED_TX_BYTES)

enum tp_counter {
#define X(name) TP_COUNT_##name,
  TP_COUNTERS(X)
#undef X
      TP_COUNTER_COUNT
};

/* State of one CPU. */
struct tp_cpu {
  /* Next sequence of its lane; 0 until user space has set the initial one. */
  __u64 next_sequence;
  __u64 packet_id;
  __u64 counts[TP_COUNTER_COUNT];
};

/* Records to and from one relay, counted by one CPU. `lost` decreases when a record that was
 * counted as lost arrives late. */
struct tp_traffic {
  __u64 sent;
  __u64 received;
  __s64 lost;
};

#endif
