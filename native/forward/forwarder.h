// The rewrite: (packet, tuple, time, tables) -> verdict and what to send. No socket, no clock, no
// thread: the worker around it has those, and tests and fuzzers call it as it is.
#pragma once

#include <cstdint>

#include "base/units.h"
#include "forward/verdict.h"
#include "table/flow_table.h"
#include "table/session_index.h"
#include "table/trunk_peers.h"
#include "wire/trunk_datagram.h"

namespace turnpike {

// A received datagram. kHeadroomBytes before `data` may be written.
struct Packet {
  uint8_t* data;
  uint32_t length;
  FiveTuple tuple;
};

// A datagram to send; `data` lies in the packet that it was made from, unless stated.
struct Outgoing {
  Side side;
  FiveTuple path;
  const uint8_t* data;
  uint32_t length;
};

// One worker's tables, changed by that worker alone.
struct Tables {
  FlowTable flows;
  SessionTable sessions;
  TrunkPeers peers;
};

// ChannelData on its way to a lookup, so that a batch can be hashed and prefetched first.
struct ClientLookup {
  // Otherwise the verdict is final and there is nothing to look up.
  bool needed = false;
  Verdict verdict;
  FlowKey key;
  uint32_t hash;
};

// A trunk datagram that passed every check.
struct OpenedTrunk {
  uint32_t slot = 0;
  RecordCursor records;
  // For kTrunkProbeReply.
  uint32_t probe_number = 0;
  uint64_t rtt_ns = 0;
};

class Forwarder {
 public:
  // `lane` is this worker's, `first_sequence` its counter's start (PROTOCOL.md section 4).
  Forwarder(Tables& tables, uint8_t lane, uint64_t first_sequence)
      : tables_(tables), lane_(lane), next_sequence_(first_sequence) {}

  // Client side, first half: what the datagram is; asks the cache for its flow.
  ClientLookup ClassifyClient(const Packet& packet) const;
  // Client side, second half: `out` is filled for kClientToTrunk and kClientToClient.
  Verdict ForwardClient(const Packet& packet, const ClientLookup& lookup, const Now& now,
                        Outgoing* out);

  // Trunk side: checks one datagram. After kTrunkData take its records from `opened` with
  // ForwardRecord; kTrunkProbe fills `out` with the reply; kTrunkProbeReply fills `opened`.
  Verdict OpenTrunk(const Packet& packet, const Now& now, OpenedTrunk* opened, Outgoing* out);
  // The verdict for one record: kTrunkToClient fills `out`, kTrunkUnbound does not.
  Verdict ForwardRecord(const OpenedTrunk& opened, RecordHeader* record, Outgoing* out);

  // Writes a probe to the relay in `slot` into kProbeDatagramBytes at `data`; false without a relay
  // there or without a key for it.
  bool MakeProbe(uint32_t slot, uint32_t number, const Now& now, uint8_t* data, Outgoing* out);

 private:
  Verdict SealRecord(Flow& flow, uint8_t* payload, uint16_t payload_bytes, const Now& now,
                     Outgoing* out);
  Verdict OpenProbe(const Packet& packet, const TrunkPeer& peer, const Now& now, Outgoing* out);
  // Starts a datagram to `peer`: all of the header but the tag. Null without a key.
  const SipKey* WriteHeader(const TrunkPeer& peer, TrunkType type, const Now& now,
                            TrunkHeader* header);

  Tables& tables_;
  uint8_t lane_;
  uint64_t next_sequence_;
};

}  // namespace turnpike
