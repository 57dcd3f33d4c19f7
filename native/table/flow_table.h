// What becomes of ChannelData: (5-tuple, channel) to a trunk record or to another peer here. Each
// worker holds the flows of the 5-tuples that it receives, and nobody else touches them.
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
  uint16_t channel = 0;
};

struct FlowAction {
  enum class Kind : uint8_t { kNone, kTrunk, kClient };

  Kind kind = Kind::kNone;
  // kClient: the peer's channel.
  uint16_t channel = 0;
  union {
    // kClient: the peer.
    FiveTuple tuple = {};
    // kTrunk.
    struct {
      // The relay, which of the relays that had that index, and that relay's session index.
      uint32_t relay_index;
      uint32_t generation;
      uint32_t session_index;
      // Counts this direction's records where a fast path does too, else 0.
      uint32_t sequence_cell;
    };
  };

  // Whether both count the records of one session of one relay.
  bool IsSameSession(const FlowAction& other) const {
    return kind == Kind::kTrunk && other.kind == Kind::kTrunk && generation == other.generation &&
           session_index == other.session_index;
  }
};

struct Flow {
  FlowAction action;
  // kTrunk: counts the records of this direction; 16 bits as on the wire.
  uint16_t next_session_sequence = 0;
  // kTrunk: the bundle that took the newest record that was bundled; see Bundler.
  uint32_t bundle_serial = 0;
  Expiry expiry;
  // Fills the entry's second cache line, so that no entry lies in three.
  uint64_t padding = 0;
  // From the peer.
  LegTraffic traffic;
};

using FlowTable = FixedTable<FlowKey, Flow>;
// Two cache lines: a packet that finds its flow in none of the caches waits for no third. The
// expiry is in the second one, with the traffic that every packet counts.
static_assert(FlowTable::EntryBytes() == 128);
static_assert(sizeof(Flow) - offsetof(Flow, expiry) <= 64);

}  // namespace turnpike
