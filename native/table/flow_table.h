// Flows: how a datagram is forwarded, by (5-tuple, channel). ChannelData becomes a trunk record,
// ChannelData of another client, or a bare payload to a peer of an allocation; a peer's bare
// payload becomes ChannelData or a Data indication. Each worker holds the flows of the 5-tuples
// that it receives and is the only thread that uses them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "table/expiry.h"
#include "table/five_tuple.h"
#include "table/fixed_table.h"
#include "table/leg_traffic.h"

namespace turnpike {

struct FlowKey {
  FiveTuple tuple;
  // A channel number or a FlowChannel.
  uint16_t channel = 0;
};

// The key of the flow of Send indications that an allocation's client sends to peers of a family.
inline FlowKey SendKey(const FiveTuple& client, bool ipv4) {
  return {client,
          static_cast<uint16_t>(ipv4 ? FlowChannel::kSendToIpv4 : FlowChannel::kSendToIpv6)};
}
inline bool IsSendKey(const FlowKey& key) {
  return key.channel == static_cast<uint16_t>(FlowChannel::kSendToIpv4) ||
         key.channel == static_cast<uint16_t>(FlowChannel::kSendToIpv6);
}
// The key of the flow of what a peer sends to a relayed endpoint: one with a channel.
inline FlowKey PeerKey(const FiveTuple& peer) {
  return {peer, static_cast<uint16_t>(FlowChannel::kNone)};
}
// The key of the flow of what a relayed endpoint sends to a peer behind another relay.
inline FlowKey TrunkPeerKey(const FiveTuple& peer) {
  return {peer, static_cast<uint16_t>(FlowChannel::kToTrunk)};
}
inline bool IsTrunkPeerKey(const FlowKey& key) {
  return key.channel == static_cast<uint16_t>(FlowChannel::kToTrunk);
}
// The key of the flow of a client's datagrams that meet no other flow of its 5-tuple, because the
// client has moved to it from another one.
inline FlowKey MovedKey(const FiveTuple& client) {
  return {client, static_cast<uint16_t>(FlowChannel::kMoved)};
}
inline bool IsMovedKey(const FlowKey& key) {
  return key.channel == static_cast<uint16_t>(FlowChannel::kMoved);
}
// The key of the flow that is a permission: what any port of a peer's IP address sends to a relayed
// endpoint.
inline FlowKey PermissionKey(const IpAddress& peer, TransportHandle relayed) {
  return PeerKey({{peer, 0}, IpAddress{}, relayed});
}

struct FlowAction {
  enum class Kind : uint8_t { kNone, kTrunk, kClient, kPeer, kAllocation, kMoved };

  Kind kind = Kind::kNone;
  union {
    // kPeer, and a permission or channel of a peer: the number of the peer's IP address if it is
    // one of this data plane's relayed addresses (RelayedAddresses), else kNone.
    uint8_t relayed_number = 0;
    // kMoved: the worker that has the client's flows.
    uint8_t worker;
  };
  // kClient: the client's channel, or FlowChannel::kNone for Data indications.
  uint16_t channel = 0;
  // A permission: the peer's ports that it holds for.
  uint16_t port_min = 0;
  uint16_t port_max = UINT16_MAX;
  union {
    // The bucket of the user whose data it is (BandwidthBuckets), or 0. Not of kTrunk.
    uint32_t bucket = 0;
    // kMoved: the number that the event about it has.
    uint32_t move_number;
  };
  union {
    // kClient: the client. kPeer: the peer, from the relayed endpoint. kAllocation: no more than
    // the handle of the relayed endpoint. kMoved: the client's other 5-tuple, whose flows count.
    FiveTuple tuple = {};
    // kTrunk.
    struct {
      // The relay's index, the generation that tells apart the relays that have had this index, and
      // the relay's session index.
      uint32_t relay_index;
      uint32_t generation;
      uint32_t session_index;
      // Cell of the session sequence if a fast path also forwards the flow, else 0.
      uint32_t sequence_cell;
    };
  };

  // Whether both actions number the records of the same session of the same relay.
  bool IsSameSession(const FlowAction& other) const {
    return kind == Kind::kTrunk && other.kind == Kind::kTrunk && generation == other.generation &&
           session_index == other.session_index;
  }
};

struct Flow {
  FlowAction action;
  Expiry expiry;
  union {
    // kTrunk.
    struct {
      // Session sequence of the next record, 16 bits as on the wire.
      uint16_t next_session_sequence;
      // Serial of the bundle that holds the newest bundled record (Bundler).
      uint32_t bundle_serial;
    };
    // Any other kind: datagrams dropped because the bucket had too few bytes. Any thread reads it.
    uint64_t over_bandwidth = 0;
  };
  // Traffic received from the peer.
  LegTraffic traffic;

  // Takes the place of another action. `same_session` tells that the sequence goes on.
  void Replace(const FlowAction& by, bool same_session) {
    const bool was_trunk = action.kind == FlowAction::Kind::kTrunk;
    const bool is_trunk = by.kind == FlowAction::Kind::kTrunk;
    if (was_trunk != is_trunk) __atomic_store_n(&over_bandwidth, 0, __ATOMIC_RELAXED);
    if (is_trunk && !same_session) next_session_sequence = 0;
    action = by;
  }
  void CountOverBandwidth() {
    __atomic_store_n(&over_bandwidth, OverBandwidth() + 1, __ATOMIC_RELAXED);
  }
  uint64_t OverBandwidth() const { return __atomic_load_n(&over_bandwidth, __ATOMIC_RELAXED); }
};

using FlowTable = FixedTable<FlowKey, Flow>;
// An entry is two cache lines, which a cold lookup prefetches. The expiry is in the second one,
// next to the traffic counters that every packet writes.
static_assert(FlowTable::EntryBytes() == 128);
static_assert(sizeof(Flow) - offsetof(Flow, expiry) <= 64);

}  // namespace turnpike
