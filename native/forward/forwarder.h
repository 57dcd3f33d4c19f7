// The rewrite: (packet, tuple, time, tables) -> verdict and what to send. No socket, no clock, no
// thread: the worker around it has those, and tests and fuzzers call it as it is.
#pragma once

#include <cstdint>

#include "base/counter_names.h"
#include "base/units.h"
#include "forward/trunk_authenticator.h"
#include "table/flow_table.h"
#include "table/leg_traffic.h"
#include "table/session_table.h"
#include "table/shared_sequences.h"
#include "table/trunk_peers.h"
#include "wire/trunk_datagram.h"

namespace turnpike {

// Free bytes before each received datagram, so that ChannelData (4 bytes of header) becomes a
// trunk datagram (28) where it lies.
inline constexpr uint32_t kHeadroomBytes = 64;
// A probe reply older than this is of no use, whatever clock it came from.
inline constexpr uint64_t kProbeAgeNsMax = 60ull * 1'000'000'000;

// A received datagram.
struct Packet {
  uint8_t* data;
  uint32_t length;
  // Its message's, and as long there as that.
  const FiveTuple* tuple;
  // Whether the kHeadroomBytes before `data` may be written. They may not where the datagram is a
  // later segment of a super-frame: its predecessor's last bytes are there.
  bool headroom = true;
};

// ChannelData that leaves for another relay, before it has its place in a datagram.
struct TrunkRecord {
  const TrunkPeer* peer;
  uint32_t relay_index;
  TrunkKey key;
  Flow* flow;
  RecordHeader header;
  // In the packet that it came in, with the packet's headroom.
  uint8_t* payload;
  uint16_t payload_bytes;
  bool headroom;
};

// The length of a datagram of this record alone.
inline uint32_t SingleRecordBytes(const TrunkRecord& record) {
  return kSingleRecordHeadBytes + record.payload_bytes;
}

// What becomes of ChannelData: `outgoing` after kClientToClient, `record` after kClientToTrunk.
struct ClientResult {
  Outgoing outgoing;
  TrunkRecord record;
};

// One worker's tables, changed by that worker alone.
struct Tables {
  FlowTable flows;
  SessionTable sessions;
  TrunkPeers peers;
  SharedSequences shared_sequences;
  // By the place of a session: what this worker has sent to its peer.
  LegTraffic* session_traffic = nullptr;
};

// ChannelData on its way to a lookup, so that a batch can be hashed and prefetched first.
struct ClientLookup {
  // Otherwise the verdict is final and there is nothing to look up.
  bool needed;
  // What the lookup before this one finds is what this one would.
  bool repeats;
  Verdict verdict;
  uint32_t hash;
  FlowKey key;
};

// A trunk datagram that passed every check.
struct OpenedTrunk {
  uint32_t relay_index = 0;
  RecordCursor records;
  // For kTrunkProbeReply.
  uint32_t probe_number = 0;
  uint64_t rtt_ns = 0;
  // The reply is to a path probe; then whether its sender hears us.
  bool of_path = false;
  Heard heard = Heard::kUnknown;
};

class Forwarder {
 public:
  // The authenticators, of data and of path probes, outlive the forwarder.
  Forwarder(Tables& tables, TrunkAuthenticator& authenticator,
            TrunkAuthenticator& path_probe_authenticator)
      : tables_(tables),
        authenticator_(authenticator),
        path_probe_authenticator_(path_probe_authenticator) {}

  // Client side, first half: what the datagram is; asks the cache for its flow.
  void ClassifyClient(const Packet& packet, ClientLookup* lookup) const;
  // The same for the next datagram of the same 5-tuple; it repeats where the channel is the same.
  void ClassifyNext(const Packet& packet, const ClientLookup& previous, ClientLookup* lookup) const;
  // Client side, in between: asks the cache for the flow itself.
  void PrefetchFlow(const ClientLookup& lookup) const {
    if (lookup.needed && !lookup.repeats) tables_.flows.PrefetchEntry(lookup.hash);
  }
  // Client side, second half, where a lookup is needed: the flow, or null.
  Flow* FindFlow(const ClientLookup& lookup) { return tables_.flows.Find(lookup.key, lookup.hash); }
  // What becomes of the datagram of a flow that was looked for; one that has expired is as none.
  Verdict ForwardClient(const Packet& packet, Flow* flow, const Now& now, ClientResult* result);
  // Makes a datagram of one record: with headroom in place, else a copy in the SingleRecordBytes at
  // `room`.
  void MakeSingleRecordDatagram(const TrunkRecord& record, uint8_t* room, Outgoing* out);

  // Trunk side, before: asks the cache for the sessions that a datagram seems to be for.
  void PrefetchSessions(const Packet& packet) const;
  // Trunk side: checks one datagram. After kTrunkData take its records from `opened` with
  // ForwardRecord; kTrunkProbe fills `out` with the reply, which goes back the way that the probe
  // came and leaves with the packet; kTrunkProbeReply fills `opened`.
  Verdict OpenTrunk(const Packet& packet, const Now& now, OpenedTrunk* opened, Outgoing* out);
  // The verdict for one record: kTrunkToClient fills `out`, the others do not.
  Verdict ForwardRecord(const OpenedTrunk& opened, RecordHeader* record, const Now& now,
                        Outgoing* out);

  // Writes a probe to a relay into kProbeDatagramBytes at `data`; false without a relay
  // there or without a key for it. It takes the relay's path unless `path`, which outlives it,
  // names another way.
  bool MakeProbe(uint32_t relay_index, uint32_t number, const FiveTuple* path, const Now& now,
                 uint8_t* data, Outgoing* out);
  // The same for a path probe of `bytes` bytes, all of which are zero or a former probe's.
  bool MakePathProbe(uint32_t relay_index, uint32_t number, const FiveTuple& path, uint16_t bytes,
                     const Now& now, uint8_t* data, Outgoing* out);

 private:
  Verdict MakeRecord(const Packet& packet, Flow& flow, const Now& now, TrunkRecord* record);
  Verdict OpenProbe(const Packet& packet, const TrunkPeer& peer, const Now& now, Outgoing* out);
  Verdict OpenProbeReply(const Packet& packet, const Now& now, OpenedTrunk* opened) const;
  // Seals a probe or its reply, whose body is written; false without a key.
  bool AuthenticateProbe(const TrunkPeer& peer, TrunkType type, const Now& now, uint8_t* datagram);

  Tables& tables_;
  TrunkAuthenticator& authenticator_;
  TrunkAuthenticator& path_probe_authenticator_;
};

}  // namespace turnpike
