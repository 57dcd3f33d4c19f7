// The rewrite: maps a packet, its 5-tuple, the time and the tables to a verdict and to datagrams to
// send. It has no socket, clock or thread; the worker has those. Tests and fuzzers call it
// directly.
#pragma once

#include <cstdint>

#include "base/counter_names.h"
#include "base/units.h"
#include "forward/trunk_authenticator.h"
#include "table/bandwidth_buckets.h"
#include "table/flow_table.h"
#include "table/leg_traffic.h"
#include "table/peer_hosts.h"
#include "table/remote_relays.h"
#include "table/session_table.h"
#include "table/shared_sequences.h"
#include "wire/trunk_datagram.h"
#include "wire/turn_indications.h"

namespace turnpike {

// Free bytes before each received datagram, so that ChannelData (4-byte header) becomes a trunk
// datagram (28 bytes of headers) in place.
inline constexpr uint32_t kHeadroomBytes = 64;
// Maximum age in ns of a probe reply. An older one is rejected.
inline constexpr uint64_t kProbeAgeNsMax = 60ull * 1'000'000'000;

// A received datagram.
struct Packet {
  uint8_t* data;
  uint32_t length;
  // The 5-tuple of the received message, valid as long as the message.
  const FiveTuple* tuple;
  // Whether the kHeadroomBytes before `data` may be written. False for a later segment of a GRO
  // super-packet, where these bytes belong to the previous segment.
  bool headroom = true;
  // Whether the 3 bytes behind the datagram may be written: not where another segment follows.
  bool tailroom = true;
  // DSCP and ECN, as in the octet of the IP header; 0 where the socket does not report it.
  uint8_t traffic_class = 0;
};

// A record for another relay that is not yet part of a datagram.
struct TrunkRecord {
  const RemoteRelay* relay;
  uint32_t relay_index;
  TrunkKey key;
  Flow* flow;
  RecordHeader header;
  // Points into the received packet; `headroom` is that packet's.
  uint8_t* payload;
  uint16_t payload_bytes;
  bool headroom;
};

// Returns the length in bytes of a datagram with this record alone.
inline uint32_t SingleRecordBytes(const TrunkRecord& record) {
  return kSingleRecordHeadBytes + record.payload_bytes;
}

// The result for ChannelData: `outgoing` after kClientToClient and kClientToPeer, `record` after
// kClientToTrunk.
struct ClientResult {
  Outgoing outgoing;
  TrunkRecord record;
};

// The tables of one worker, used by that worker only.
struct Tables {
  FlowTable flows;
  SessionTable sessions;
  RemoteRelays relays;
  SharedSequences shared_sequences;
  // By the slot of a session: traffic that this worker has sent to its peer.
  LegTraffic* session_traffic = nullptr;
  // The IP addresses of peers with a flow of TrunkPeerKey.
  PeerHosts trunk_peers;
  // Of all workers.
  BandwidthBuckets* buckets = nullptr;

  // Returns whether the user of a flow has the bandwidth for a payload. If not, the flow counts it.
  bool TakeBandwidth(Flow& flow, uint32_t bytes, const Now& now) {
    if (flow.action.bucket == 0 || buckets->Take(flow.action.bucket, bytes, now.monotonic_ns)) {
      return true;
    }
    flow.CountOverBandwidth();
    return false;
  }
};

// The lookup of one datagram's flow, so that a batch can be hashed and prefetched before it is
// processed.
struct ClientLookup {
  // If false, `verdict` is final and no lookup is needed.
  bool needed;
  // Whether the result is that of the preceding lookup.
  bool repeats;
  // Whether the datagram is a Send indication, not ChannelData; its content is then in `send`.
  bool is_send;
  Verdict verdict;
  uint32_t hash;
  FlowKey key;
  SendIndication send;
};

// A trunk datagram that passed every check.
struct OpenedTrunk {
  uint32_t relay_index = 0;
  RecordCursor records;
  // The next two are set for kTrunkProbeReply.
  uint32_t probe_number = 0;
  uint64_t rtt_ns = 0;
  // Whether the reply is to a path probe. If so, `heard` tells whether its sender receives this
  // relay's probes.
  bool of_path = false;
  Heard heard = Heard::kUnknown;
  // As PathProbeBody::received.
  uint8_t received = 0;
};

class Forwarder {
 public:
  // The authenticators, of data and of path probes, outlive the forwarder.
  Forwarder(Tables& tables, TrunkAuthenticator& authenticator,
            TrunkAuthenticator& path_probe_authenticator)
      : tables_(tables),
        authenticator_(authenticator),
        path_probe_authenticator_(path_probe_authenticator) {}

  // Client side, step 1: classifies the datagram and prefetches the index of its flow.
  void ClassifyClient(const Packet& packet, ClientLookup* lookup) const;
  // Step 1 for the next datagram of the same 5-tuple. The lookup repeats the previous one if the
  // channel is the same.
  void ClassifyNext(const Packet& packet, const ClientLookup& previous, ClientLookup* lookup) const;
  // Client side, step 2: prefetches the flow.
  void PrefetchFlow(const ClientLookup& lookup) const {
    if (lookup.needed && !lookup.repeats) tables_.flows.PrefetchEntry(lookup.hash);
  }
  // Client side, step 3, if a lookup is needed: returns the flow, or null.
  Flow* FindFlow(const ClientLookup& lookup) { return tables_.flows.Find(lookup.key, lookup.hash); }
  // Client side, step 4: returns the verdict for ChannelData. `flow` is null if none was found; an
  // expired flow forwards nothing.
  Verdict ForwardClient(const Packet& packet, Flow* flow, const Now& now, ClientResult* result);
  // Makes the record of what a client sends to a peer (kClientToPeer). Returns false if it leaves
  // as bare UDP: the peer is not behind another relay that has bound it, or the record does not fit
  // the path of the trunk.
  bool MakePeerRecord(const Outgoing& outgoing, const Now& now, TrunkRecord* record);
  // Makes a datagram of one record: in place if there is headroom, else as a copy in `room`, which
  // has SingleRecordBytes.
  void MakeSingleRecordDatagram(const TrunkRecord& record, uint8_t* room, Outgoing* out);

  // Trunk side, step 1: prefetches the sessions that an unchecked datagram refers to.
  void PrefetchSessions(const Packet& packet) const;
  // Trunk side, step 2: checks one datagram and returns its verdict. After kTrunkData, `opened` has
  // the records for ForwardRecord. After kTrunkProbe, `out` is the reply, which uses the packet's
  // memory and goes back on the probe's path. After kTrunkProbeReply, `opened` has the measurement.
  Verdict OpenTrunk(const Packet& packet, const Now& now, OpenedTrunk* opened, Outgoing* out);
  // Trunk side, step 3: returns the verdict for one record. Sets `out` after kTrunkToClient, and
  // after kTrunkToRelayed to the datagram as the relayed endpoint of its path gets it.
  Verdict ForwardRecord(const OpenedTrunk& opened, RecordHeader* record, const Now& now,
                        Outgoing* out);

  // Writes a probe to a relay into kProbeDatagramBytes at `data`. Returns false if there is no such
  // relay or no key for it. The probe takes the relay's path unless `path`, which must outlive it,
  // is given.
  bool MakeProbe(uint32_t relay_index, uint32_t number, const FiveTuple* path, const Now& now,
                 uint8_t* data, Outgoing* out);
  // Writes a path probe of `bytes` bytes, all of which must be zero or those of an earlier probe.
  // Returns false as MakeProbe does.
  bool MakePathProbe(uint32_t relay_index, uint32_t number, const FiveTuple& path, uint16_t bytes,
                     const Now& now, uint8_t* data, Outgoing* out);

 private:
  // Starts a lookup by a key: prefetches the index of its flow.
  void LookUp(const FlowKey& key, ClientLookup* lookup) const;
  // Makes the record of a payload for the flow's relay, or returns why there is none.
  Verdict MakeRecord(uint8_t* payload, uint16_t payload_bytes, bool headroom, Flow& flow,
                     const Now& now, TrunkRecord* record);
  Verdict OpenProbe(const Packet& packet, RemoteRelay& relay, const Now& now, Outgoing* out);
  Verdict OpenProbeReply(const Packet& packet, const Now& now, OpenedTrunk* opened) const;
  // Authenticates a probe or reply whose body is written. Returns false without a key.
  bool AuthenticateProbe(const RemoteRelay& relay, TrunkType type, const Now& now,
                         uint8_t* datagram);

  Tables& tables_;
  TrunkAuthenticator& authenticator_;
  TrunkAuthenticator& path_probe_authenticator_;
};

}  // namespace turnpike
