#include "forward/forwarder.h"

#include <cstring>

#include "wire/channel_data.h"
#include "wire/demux.h"
#include "wire/stun_header.h"

namespace turnpike {

namespace {

Verdict VerdictOf(ReplayVerdict verdict) {
  return verdict == ReplayVerdict::kReplayed ? Verdict::kTrunkReplayed : Verdict::kTrunkTooOld;
}

constexpr int kRecordsPrefetchedMax = 64;

// Returns whether an epoch is yesterday's, today's or tomorrow's; others are rejected (PROTOCOL.md
// section 4).
bool EpochIsNear(uint16_t epoch, uint16_t today) {
  return epoch + 1 >= today && epoch <= today + 1;
}

}  // namespace

void Forwarder::ClassifyClient(const Packet& packet, ClientLookup* lookup) const {
  lookup->needed = false;
  lookup->repeats = false;
  lookup->is_send = false;
  if (packet.tuple->remote.port == 0) {
    lookup->verdict = Verdict::kSourcePortZero;
    return;
  }
  switch (DemuxClient(packet.data, packet.length)) {
    case Protocol::kStun: {
      const StunKind kind = ClassifyStun(packet.data, packet.length);
      if (kind == StunKind::kRequestOrIndication && StunTypeOf(packet.data) == kSendIndication) {
        if (!ReadSendIndication(packet.data, packet.length, &lookup->send)) {
          lookup->verdict = Verdict::kSendMalformed;
          return;
        }
        lookup->is_send = true;
        LookUp(SendKey(*packet.tuple, lookup->send.peer.ip.IsIpv4()), lookup);
        return;
      }
      lookup->verdict = kind == StunKind::kMalformed  ? Verdict::kStunMalformed
                        : kind == StunKind::kResponse ? Verdict::kClientStunResponse
                                                      : Verdict::kClientPunted;
      return;
    }
    case Protocol::kChannelData: {
      const ChannelDataHeader* header = ParseChannelData(packet.data, packet.length);
      if (header == nullptr) {
        lookup->verdict = Verdict::kChannelDataMalformed;
        return;
      }
      LookUp(FlowKey{*packet.tuple, header->channel.Get()}, lookup);
      return;
    }
    default:
      lookup->verdict = Verdict::kClientUnknownProtocol;
  }
}

void Forwarder::LookUp(const FlowKey& key, ClientLookup* lookup) const {
  lookup->needed = true;
  lookup->key = key;
  lookup->hash = tables_.flows.Hash(key);
  tables_.flows.Prefetch(lookup->hash);
}

void Forwarder::ClassifyNext(const Packet& packet, const ClientLookup& previous,
                             ClientLookup* lookup) const {
  if (previous.needed && DemuxClient(packet.data, packet.length) == Protocol::kChannelData) {
    const ChannelDataHeader* header = ParseChannelData(packet.data, packet.length);
    if (header != nullptr && header->channel.Get() == previous.key.channel) {
      lookup->needed = true;
      lookup->repeats = true;
      lookup->is_send = false;
      lookup->key.channel = previous.key.channel;
      return;
    }
  }
  ClassifyClient(packet, lookup);
}

Verdict Forwarder::ForwardClient(const Packet& packet, Flow* flow, const Now& now,
                                 ClientResult* result) {
  if (flow == nullptr) return Verdict::kChannelUnknown;
  if (flow->expiry.IsOver(now.monotonic_second)) return Verdict::kChannelExpired;
  const auto* header = reinterpret_cast<const ChannelDataHeader*>(packet.data);
  const uint16_t payload_bytes = header->payload_bytes.Get();
  uint8_t* payload = packet.data + sizeof(ChannelDataHeader);
  if (flow->action.kind == FlowAction::Kind::kTrunk) {
    return MakeRecord(payload, payload_bytes, packet.headroom, *flow, now, &result->record);
  }
  if (!tables_.TakeBandwidth(*flow, payload_bytes, now)) return Verdict::kOverBandwidth;
  flow->traffic.Add(payload_bytes, now.monotonic_second);
  if (flow->action.kind == FlowAction::Kind::kPeer) {
    result->outgoing =
        Outgoing{&flow->action.tuple, payload, payload_bytes, false, flow->action.relayed_number,
                 packet.traffic_class};
    result->outgoing.headroom = packet.headroom;
    return Verdict::kClientToPeer;
  }
  const uint8_t* start = PrependChannelData(payload, flow->action.channel, payload_bytes);
  result->outgoing = Outgoing{&flow->action.tuple, start,
                              static_cast<uint32_t>(sizeof(ChannelDataHeader)) + payload_bytes};
  return Verdict::kClientToClient;
}

bool Forwarder::MakePeerRecord(const Outgoing& outgoing, const Now& now, TrunkRecord* record) {
  if (!tables_.trunk_peers.MayContain(outgoing.path->remote.ip)) return false;
  Flow* const flow = tables_.flows.Find(TrunkPeerKey(*outgoing.path));
  if (flow == nullptr || flow->expiry.IsOver(now.monotonic_second)) return false;
  const RemoteRelay* relay = tables_.relays.Get(flow->action.relay_index);
  if (relay == nullptr || kSingleRecordHeadBytes + outgoing.length > relay->bundle_bytes_max) {
    return false;
  }
  // The packet's memory, which this worker may write.
  auto* const payload = const_cast<uint8_t*>(outgoing.data);
  return MakeRecord(payload, static_cast<uint16_t>(outgoing.length), outgoing.headroom, *flow, now,
                    record) == Verdict::kClientToTrunk;
}

Verdict Forwarder::MakeRecord(uint8_t* payload, uint16_t payload_bytes, bool headroom, Flow& flow,
                              const Now& now, TrunkRecord* record) {
  const RemoteRelay* relay = tables_.relays.Get(flow.action.relay_index);
  if (relay == nullptr || relay->generation != flow.action.generation)
    return Verdict::kTrunkNoRelay;
  const std::optional<TrunkKey> key = relay->send_keys.NewestUntil(now.trunk_epoch);
  if (!key) return Verdict::kTrunkNoKey;
  record->relay = relay;
  record->relay_index = flow.action.relay_index;
  record->key = *key;
  record->flow = &flow;
  record->payload = payload;
  record->payload_bytes = payload_bytes;
  const uint16_t session_sequence =
      flow.action.sequence_cell == 0
          ? flow.next_session_sequence++
          : tables_.shared_sequences.NextSequence(flow.action.sequence_cell);
  record->header =
      RecordHeader::Of(flow.action.session_index, record->payload_bytes, session_sequence);
  record->headroom = headroom;
  tables_.relays.Traffic(flow.action.relay_index).records_sent.Add(1);
  flow.traffic.Add(record->payload_bytes, now.monotonic_second);
  return Verdict::kClientToTrunk;
}

void Forwarder::MakeSingleRecordDatagram(const TrunkRecord& record, uint8_t* room, Outgoing* out) {
  uint8_t* start = room;
  if (record.headroom) {
    start = record.payload - kSingleRecordHeadBytes;
  } else {
    std::memcpy(room + kSingleRecordHeadBytes, record.payload, record.payload_bytes);
  }
  authenticator_.AuthenticateSingleRecord(record.key, record.relay->lane_offset, record.header,
                                          start);
  *out = Outgoing{&record.relay->path, start, SingleRecordBytes(record),
                  record.relay->from_trunk_port};
}

void Forwarder::PrefetchSessions(const Packet& packet) const {
  if (DemuxTrunk(packet.data, packet.length) != Protocol::kTrunk) return;
  size_t offset = sizeof(TrunkHeader);
  // The datagram is not checked yet, so the number of prefetches for it is limited.
  for (int records = 0;
       records < kRecordsPrefetchedMax && offset + sizeof(RecordHeader) <= packet.length;
       ++records) {
    const auto* record = reinterpret_cast<const RecordHeader*>(packet.data + offset);
    const uint32_t index = record->session_index.Get();
    tables_.sessions.Prefetch(index);
    __builtin_prefetch(&tables_.session_traffic[tables_.sessions.SlotOf(index)], 1);
    offset += sizeof(RecordHeader) + record->payload_bytes.Get();
  }
}

Verdict Forwarder::OpenTrunk(const Packet& packet, const Now& now, OpenedTrunk* opened,
                             Outgoing* out) {
  if (packet.tuple->remote.port == 0) return Verdict::kSourcePortZero;
  switch (DemuxTrunk(packet.data, packet.length)) {
    case Protocol::kStun:
      // Punts responses too: they belong to requests that TypeScript sent.
      return ClassifyStun(packet.data, packet.length) == StunKind::kMalformed
                 ? Verdict::kStunMalformed
                 : Verdict::kTrunkPunted;
    case Protocol::kTrunk:
      break;
    default:
      return Verdict::kTrunkUnknownProtocol;
  }
  if (packet.length < sizeof(TrunkHeader)) return Verdict::kTrunkMalformed;
  const auto* header = reinterpret_cast<const TrunkHeader*>(packet.data);
  const TrunkType type = header->type();
  const bool probe = IsProbe(type);
  if (!probe && type != TrunkType::kData) return Verdict::kTrunkUnknownType;

  const uint32_t* relay_index = tables_.relays.RelayIndexOf(packet.tuple->remote);
  if (relay_index == nullptr) return Verdict::kTrunkUnknownSource;
  RemoteRelay& relay = *tables_.relays.Get(*relay_index);
  const uint16_t epoch = header->key_epoch.Get();
  const SipKey* key =
      EpochIsNear(epoch, now.trunk_epoch) ? relay.receive_keys.Find(epoch) : nullptr;
  if (key == nullptr) return Verdict::kTrunkWrongEpoch;

  const bool whole =
      probe ? ProbeFills(packet.data, packet.length) : RecordsFill(packet.data, packet.length);
  if (!whole) return Verdict::kTrunkMalformed;
  const uint64_t tag =
      probe ? ProbeTag(*key, packet.data) : DataTag(*key, packet.data, packet.length);
  // Compares the tags as whole 64-bit words, so that timing does not reveal how many bytes of a
  // forged tag match.
  if (tag != LoadLe64(header->tag)) return Verdict::kTrunkWrongTag;
  const uint8_t lane = header->lane;
  const uint64_t sequence = header->sequence.Get();
  const ReplayVerdict replay = type >= TrunkType::kPathProbe
                                   ? tables_.relays.AcceptProbe(*relay_index, lane, sequence)
                                   : tables_.relays.Window(*relay_index, lane)
                                         .Accept(relay.shared->highest_sequence[lane], sequence);
  if (replay != ReplayVerdict::kFresh) return VerdictOf(replay);

  opened->relay_index = *relay_index;
  if (type == TrunkType::kData) {
    opened->records = RecordCursor(packet.data, packet.length);
    return Verdict::kTrunkData;
  }
  if (type == TrunkType::kProbe || type == TrunkType::kPathProbe) {
    return OpenProbe(packet, relay, now, out);
  }
  return OpenProbeReply(packet, now, opened);
}

Verdict Forwarder::OpenProbe(const Packet& packet, RemoteRelay& relay, const Now& now,
                             Outgoing* out) {
  // The reply is the probe with a new header, in place and without padding. It must go back on the
  // probe's path, because it reports on that path.
  const bool plain = reinterpret_cast<TrunkHeader*>(packet.data)->type() == TrunkType::kProbe;
  if (!plain) {
    auto* body = reinterpret_cast<PathProbeBody*>(packet.data + sizeof(TrunkHeader));
    body->heard = static_cast<uint8_t>(relay.HeardBy(*packet.tuple));
    body->received = packet.length == kPathProbeBytes ? relay.CountProbe(*packet.tuple) : 0;
  }
  const TrunkType type = plain ? TrunkType::kProbeReply : TrunkType::kPathProbeReply;
  if (!AuthenticateProbe(relay, type, now, packet.data)) return Verdict::kTrunkNoKey;
  const size_t bytes = plain ? kProbeDatagramBytes : kPathProbeBytes;
  *out = Outgoing{packet.tuple, packet.data, static_cast<uint32_t>(bytes), true};
  return Verdict::kTrunkProbe;
}

Verdict Forwarder::OpenProbeReply(const Packet& packet, const Now& now, OpenedTrunk* opened) const {
  // Both bodies begin with the timestamp and the number.
  const auto* body = reinterpret_cast<const ProbeBody*>(packet.data + sizeof(TrunkHeader));
  const uint64_t sent_ns = body->timestamp_ns.Get();
  if (sent_ns > now.monotonic_ns || now.monotonic_ns - sent_ns > kProbeAgeNsMax) {
    return Verdict::kTrunkProbeStale;
  }
  opened->probe_number = body->number.Get();
  opened->rtt_ns = now.monotonic_ns - sent_ns;
  const TrunkType type = reinterpret_cast<const TrunkHeader*>(packet.data)->type();
  opened->of_path = type == TrunkType::kPathProbeReply;
  if (opened->of_path) {
    const auto* path_body = reinterpret_cast<const PathProbeBody*>(body);
    opened->heard = path_body->WhatIsHeard();
    opened->received = path_body->received;
  }
  return Verdict::kTrunkProbeReply;
}

bool Forwarder::AuthenticateProbe(const RemoteRelay& relay, TrunkType type, const Now& now,
                                  uint8_t* datagram) {
  const std::optional<TrunkKey> key = relay.send_keys.NewestUntil(now.trunk_epoch);
  if (!key) return false;
  TrunkAuthenticator& authenticator =
      type < TrunkType::kPathProbe ? authenticator_ : path_probe_authenticator_;
  authenticator.AuthenticateProbe(*key, type, datagram);
  return true;
}

Verdict Forwarder::ForwardRecord(const OpenedTrunk& opened, RecordHeader* record, const Now& now,
                                 Outgoing* out) {
  const uint32_t index = record->session_index.Get();
  Session& session = tables_.sessions.At(index);
  const RemoteRelay& relay = *tables_.relays.Get(opened.relay_index);
  if (session.action.index != index || session.action.relay_index != opened.relay_index ||
      session.action.generation != relay.generation) {
    return Verdict::kTrunkUnbound;
  }
  TrunkTraffic& traffic = tables_.relays.Traffic(opened.relay_index);
  const uint16_t sequence = record->session_sequence.Get();
  const SequenceStep step =
      // The fast path has no session of a relayed endpoint.
      tables_.shared_sequences.sessions == nullptr || session.action.IsToRelayed()
          ? session.sequence.Step(sequence)
          : tables_.shared_sequences.Step(tables_.sessions.SlotOf(index), sequence);
  if (step.missing > 0) traffic.records_lost.Add(step.missing);
  if (step.late) traffic.records_lost.TakeBackOne();
  // After the sequence, so that records of an expired session that a refresh revives do not count
  // as lost.
  if (session.expiry.IsOver(now.monotonic_second)) return Verdict::kTrunkExpired;
  traffic.records_received.Add(1);

  const uint16_t payload_bytes = record->payload_bytes.Get();
  tables_.session_traffic[tables_.sessions.SlotOf(index)].Add(payload_bytes, now.monotonic_second);
  uint8_t* payload = reinterpret_cast<uint8_t*>(record) + sizeof(RecordHeader);
  if (session.action.IsToRelayed()) {
    *out = Outgoing{&session.action.tuple, payload, payload_bytes};
    return Verdict::kTrunkToRelayed;
  }
  // The ChannelData header (4 bytes) overwrites the end of the record header (8 bytes).
  const uint8_t* start = PrependChannelData(payload, session.action.channel, payload_bytes);
  *out = Outgoing{&session.action.tuple, start,
                  static_cast<uint32_t>(sizeof(ChannelDataHeader)) + payload_bytes};
  return Verdict::kTrunkToClient;
}

bool Forwarder::MakeProbe(uint32_t relay_index, uint32_t number, const FiveTuple* path,
                          const Now& now, uint8_t* data, Outgoing* out) {
  const RemoteRelay* relay = tables_.relays.Get(relay_index);
  if (relay == nullptr) return false;
  auto* body = reinterpret_cast<ProbeBody*>(data + sizeof(TrunkHeader));
  body->timestamp_ns.Set(now.monotonic_ns);
  body->number.Set(number);
  *out = Outgoing{path == nullptr ? &relay->path : path, data, kProbeDatagramBytes, true};
  return AuthenticateProbe(*relay, TrunkType::kProbe, now, data);
}

bool Forwarder::MakePathProbe(uint32_t relay_index, uint32_t number, const FiveTuple& path,
                              uint16_t bytes, const Now& now, uint8_t* data, Outgoing* out) {
  const RemoteRelay* relay = tables_.relays.Get(relay_index);
  if (relay == nullptr) return false;
  auto* body = reinterpret_cast<PathProbeBody*>(data + sizeof(TrunkHeader));
  body->timestamp_ns.Set(now.monotonic_ns);
  body->number.Set(number);
  body->heard = static_cast<uint8_t>(relay->HeardBy(path));
  body->received = 0;
  body->probe_bytes.Set(bytes);
  *out = Outgoing{&path, data, bytes, true};
  return AuthenticateProbe(*relay, TrunkType::kPathProbe, now, data);
}

}  // namespace turnpike
