// The part of Worker that forwards packets.
#include <utility>

#include "io/clock.h"
#include "io/worker.h"

namespace turnpike {

namespace {

// Interval in ns at which a busy worker reads the kernel's drop counter.
constexpr uint64_t kDropsCountedEveryNs = 100'000'000;
// Maximum trunk datagrams per second and IP address, from unregistered ports of a relay, that one
// worker punts. TypeScript uses them to detect a NAT.
constexpr uint32_t kUnregisteredPerSecond = 10;

}  // namespace

void Worker::Receive(Endpoint& endpoint) {
  ReceiveBatch::Result result = batch_.Receive(endpoint.socket, endpoint.handle);
  if (result == ReceiveBatch::Result::kFailed) [[unlikely]]
    result = ReceiveAfterError(endpoint);
  if (endpoint.shared) AssignReceived();
  // Once the socket is drained, epoll reports the next datagram.
  if (result == ReceiveBatch::Result::kMore) readable_.Add(endpoint);
  if (result == ReceiveBatch::Result::kFailed) counters_.Add(Counter::kReceiveErrors);
  messages_since_empty_ += batch_.messages();
  const Now now = ReadClock();
  if (endpoint.shared) RelieveShared(endpoint, result, now);
  // Packets refused by a lane's filter also count as dropped by its socket.
  if (!endpoint.is_lane) CountDrops(endpoint, now);
  uint64_t packets = 0;
  uint64_t bytes = 0;
  while (const uint32_t count = batch_.NextChunk()) {
    packets += count;
    for (uint32_t i = 0; i < count; ++i) bytes += batch_[i].length;
    switch (endpoint.side) {
      case Side::kClient:
        ForwardClientChunk(count, now);
        break;
      case Side::kTrunk:
        ForwardTrunkChunk(count, now);
        break;
      case Side::kRelayed:
        ForwardRelayedChunk(count, now);
        break;
    }
    // At once: a batch of super-frames may hold more than another worker's queue has room for.
    if (handed_over_to_ != 0) [[unlikely]]
      WakeHandedOver();
  }
  if (endpoint.shared) counters_.Add(Counter::kRelayedSteered, packets);
  const SideCounters& side = CountersOf(endpoint.side);
  counters_.Add(side.rx_packets, packets);
  counters_.Add(side.rx_bytes, bytes);
  CloseBundlesIfDue(now);
  // Forwarded datagrams use the receive buffers, which the next receive overwrites.
  FlushSends();
}

// Reads the drop counter at intervals, because it is a system call.
void Worker::CountDrops(Endpoint& endpoint, const Now& now) {
  if (now.monotonic_ns - endpoint.drops_counted_ns < kDropsCountedEveryNs) return;
  endpoint.drops_counted_ns = now.monotonic_ns;
  if (const uint32_t drops = endpoint.socket.TakeDrops(); drops > 0) {
    counters_.Add(Counter::kReceiveDropped, drops);
  }
}

void Worker::ForwardClientChunk(uint32_t count, const Now& now) {
  for (uint32_t i = 0; i < count; ++i) {
    // A packet without headroom belongs to the same message as the one before it.
    if (i > 0 && !batch_[i].headroom) {
      forwarder_.ClassifyNext(batch_[i], lookups_[i - 1], &lookups_[i]);
    } else {
      forwarder_.ClassifyClient(batch_[i], &lookups_[i]);
    }
  }
  for (uint32_t i = 0; i < count; ++i) forwarder_.PrefetchFlow(lookups_[i]);
  Flow* flow = nullptr;
  for (uint32_t i = 0; i < count; ++i) {
    ClientResult result;
    const ClientLookup& lookup = lookups_[i];
    if (lookup.needed && !lookup.repeats) flow = forwarder_.FindFlow(lookup);
    if (lookup.is_send) {
      const Verdict verdict = ForwardSend(batch_[i], lookup.send, flow, now);
      if (verdict != Verdict::kClientToPeer && !ForwardMoved(batch_[i], verdict, now)) {
        DropUnlessEarly(EarlyData::From::kClient, batch_[i], verdict, now);
      }
      continue;
    }
    const Verdict verdict =
        lookup.needed ? forwarder_.ForwardClient(batch_[i], flow, now, &result) : lookup.verdict;
    if (verdict == Verdict::kClientPunted) {
      if (!ForwardMoved(batch_[i], verdict, now)) Punt(Side::kClient, batch_[i], verdict);
      continue;
    }
    if (verdict == Verdict::kChannelUnknown || verdict == Verdict::kChannelExpired) {
      if (ForwardMoved(batch_[i], verdict, now)) continue;
      const bool dropped = DropUnlessEarly(EarlyData::From::kClient, batch_[i], verdict, now);
      if (dropped) SendClosedIndication(batch_[i], now);
      continue;
    }
    QueueFromClient(verdict, result, now);
  }
}

void Worker::QueueFromClient(Verdict verdict, const ClientResult& result, const Now& now) {
  counters_.Add(verdict);
  if (verdict == Verdict::kClientToTrunk) QueueRecord(result.record, now);
  if (verdict == Verdict::kClientToClient) QueueData(result.outgoing);
  if (verdict == Verdict::kClientToPeer) QueueToPeer(result.outgoing, now);
}

Verdict Worker::ForwardSend(const Packet& packet, const SendIndication& send, Flow* flow,
                            const Now& now) {
  if (sends_.full()) sends_.Flush(counters_);
  Outgoing out;
  const Verdict verdict =
      allocation_forwarder_.ForwardSend(packet, send, flow, now, sends_.NextPath(), &out);
  if (verdict != Verdict::kClientToPeer) return verdict;
  counters_.Add(verdict);
  QueueToPeer(out, now);
  return verdict;
}

void Worker::QueueToPeer(const Outgoing& outgoing, const Now& now) {
  if (outgoing.relayed_number != RelayedAddresses::kNone) return Deliver(outgoing, now);
  if (QueueToTrunkPeer(outgoing, now)) return;
  Endpoint* const relayed = outgoing.unfragmented ? EndpointOf(outgoing.path->handle) : nullptr;
  if (relayed != nullptr) return SendDataUnfragmented(*relayed, outgoing);
  QueueData(outgoing);
}

bool Worker::QueueToTrunkPeer(const Outgoing& outgoing, const Now& now) {
  TrunkRecord record;
  if (!forwarder_.MakePeerRecord(outgoing, now, &record)) return false;
  counters_.Add(Counter::kPeerByTrunk);
  QueueRecord(record, now);
  return true;
}

void Worker::ForwardRelayedChunk(uint32_t count, const Now& now) {
  for (uint32_t i = 0; i < count; ++i) {
    // A packet without headroom belongs to the same message as the one before it.
    peer_lookups_[i].repeats = i > 0 && !batch_[i].headroom;
    // Before anything of the chunk is queued: serving flushes what is.
    if (early_.holds_of_peers() && !peer_lookups_[i].repeats) [[unlikely]]
      ServeEarlyData(now, batch_[i].tuple->handle);
    if (!peer_lookups_[i].repeats) {
      allocation_forwarder_.ClassifyPeer(batch_[i], &peer_lookups_[i]);
    }
  }
  for (uint32_t i = 0; i < count; ++i) allocation_forwarder_.PrefetchFlow(peer_lookups_[i]);
  Flow* flow = nullptr;
  for (uint32_t i = 0; i < count; ++i) {
    const PeerLookup& lookup = peer_lookups_[i];
    if (!lookup.repeats) flow = allocation_forwarder_.FindPeerFlow(lookup, now);
    const Verdict verdict = allocation_forwarder_.ForwardPeer(batch_[i], flow, now);
    if (verdict != Verdict::kPeerToClient) {
      DropUnlessEarly(EarlyData::From::kPeer, batch_[i], verdict, now);
      continue;
    }
    counters_.Add(verdict);
    QueueToClient(batch_[i], *flow);
  }
}

void Worker::QueueToClient(const Packet& packet, const Flow& flow) {
  const uint32_t room_bytes = AllocationForwarder::RoomBytes(packet, flow);
  if (sends_.full()) sends_.Flush(counters_);
  uint8_t* room = nullptr;
  if (room_bytes > 0 && !(room = sends_.TakeRoom(room_bytes))) {
    sends_.Flush(counters_);
    room = sends_.TakeRoom(room_bytes);
  }
  Outgoing out;
  allocation_forwarder_.MakeMessage(packet, flow, room, &out);
  QueueData(out);
}

void Worker::ForwardTrunkChunk(uint32_t count, const Now& now) {
  for (uint32_t i = 0; i < count; ++i) forwarder_.PrefetchSessions(batch_[i]);
  for (uint32_t i = 0; i < count; ++i) {
    OpenedTrunk opened;
    Outgoing out;
    const Verdict verdict = forwarder_.OpenTrunk(batch_[i], now, &opened, &out);
    if (verdict == Verdict::kTrunkPunted) {
      Punt(Side::kTrunk, batch_[i], verdict);
      continue;
    }
    counters_.Add(verdict);
    if (verdict == Verdict::kTrunkData) {
      ForwardRecords(opened, now);
    } else if (verdict == Verdict::kTrunkProbe) {
      QueueData(out);
    } else if (verdict == Verdict::kTrunkProbeReply) {
      ReportProbeReply(opened, *batch_[i].tuple);
    } else if (verdict == Verdict::kTrunkUnknownSource) {
      PuntUnregistered(batch_[i], now);
    }
  }
}

void Worker::ForwardRecords(OpenedTrunk& opened, const Now& now) {
  while (RecordHeader* record = opened.records.Next()) {
    Outgoing out;
    const Verdict verdict = forwarder_.ForwardRecord(opened, record, now, &out);
    counters_.Add(verdict);
    if (verdict == Verdict::kTrunkToClient) {
      QueueData(out);
    } else if (verdict == Verdict::kTrunkToRelayed) {
      ArriveByTrunk(out, now);
    } else if (tables_.relays.Get(opened.relay_index)->shared->TakeUnboundEvent(now.monotonic_ns)) {
      ReportUnboundIndex(opened.relay_index, record->session_index.Get());
    }
  }
}

void Worker::QueueRecord(const TrunkRecord& record, const Now& now) {
  Outgoing out;
  if (bundler_.Takes(record)) {
    if (!bundler_.HasRoom()) {
      CloseBundles();
      FlushSends();
    }
    const uint64_t since_ns = paused_since_ns_ > 0 ? paused_since_ns_ : now.monotonic_ns;
    if (bundler_.Add(record, since_ns, &out)) QueueBundle(out);
    return;
  }
  if (bundler_.CloseBefore(record, &out)) QueueBundle(out);
  if (sends_.full()) sends_.Flush(counters_);
  uint8_t* room = nullptr;
  if (!record.headroom && !(room = sends_.TakeRoom(SingleRecordBytes(record)))) {
    sends_.Flush(counters_);
    room = sends_.TakeRoom(SingleRecordBytes(record));
  }
  forwarder_.MakeSingleRecordDatagram(record, room, &out);
  QueueData(out);
}

void Worker::CloseBundlesIfDue(const Now& now) {
  if (bundler_.empty()) return;
  const bool company_expected = readable_.size() > 0 && coalescer_.limit_ns() > 0;
  if (company_expected && now.monotonic_ns - bundler_.oldest_since_ns() < coalescer_.limit_ns())
    return;
  CloseBundles();
}

void Worker::CloseBundles() {
  for (Outgoing out; bundler_.CloseOldest(&out);) QueueBundle(out);
}

bool Worker::HasAllocation(const FiveTuple& client) {
  return tables_.flows.Find(SendKey(client, true)) != nullptr ||
         tables_.flows.Find(SendKey(client, false)) != nullptr;
}

void Worker::SendClosedIndication(const Packet& packet, const Now& now) {
  // Clients of TURN do not know the indication.
  if (HasAllocation(*packet.tuple)) return;
  Outgoing out;
  switch (closed_indications_.Answer(packet, now, &out)) {
    case BareClosedIndications::Result::kSent:
      counters_.Add(Counter::kClosedIndicationsSent);
      QueueData(out);
      break;
    case BareClosedIndications::Result::kOverBudget:
      counters_.Add(Counter::kClosedIndicationsOverBudget);
      break;
    case BareClosedIndications::Result::kWithheld:
      break;
  }
}

void Worker::Punt(Side side, const Packet& packet, Verdict verdict) {
  const PuntClass punt_class = ClassOf(side, *packet.tuple);
  const bool stranger = punt_class == PuntClass::kStrangers;
  switch (punts_.PushDatagram(side, options_.index, packet, punt_class)) {
    case PuntResult::kQueued:
      counters_.Add(verdict);
      punted_ = true;
      if (side == Side::kClient) AwaitAnswer(packet);
      break;
    case PuntResult::kFull:
      counters_.Add(stranger ? Counter::kStrangerQueueFull : Counter::kPuntQueueFull);
      break;
    case PuntResult::kOverShare:
      counters_.Add(stranger ? Counter::kStrangerOverShare : Counter::kPuntOverShare);
      break;
    case PuntResult::kOversize:
      counters_.Add(Counter::kPuntOversize);
      break;
  }
}

PuntClass Worker::ClassOf(Side side, const FiveTuple& tuple) {
  if (side == Side::kClient) {
    return known_clients_.Find(tuple) != nullptr ? PuntClass::kKnown : PuntClass::kStrangers;
  }
  if (tables_.relays.RelayIndexOf(tuple.remote) != nullptr) return PuntClass::kRelays;
  // Responses to checks come from the service addresses of relays, whose source anybody can forge:
  // they count as known clients.
  return options_.relay_hosts->Contain(tuple.remote) ? PuntClass::kKnown : PuntClass::kStrangers;
}

void Worker::PuntUnregistered(const Packet& packet, const Now& now) {
  const IpAddress& ip = packet.tuple->remote.ip;
  if (!tables_.relays.KnowsIp(ip)) return;
  SipHash13 hash(options_.hash_key);
  hash.Update(ip.bytes.data(), ip.bytes.size());
  RateLimiter& budget = unregistered_[hash.Finish() & (kUnregisteredAddresses - 1)];
  if (!budget.Take(now.monotonic_ns, kNsPerSecond / kUnregisteredPerSecond, kUnregisteredPerSecond))
    return;
  // The datagram counts as dropped whether it is punted or not.
  const PuntClass punt_class = ClassOf(Side::kTrunk, *packet.tuple);
  if (punts_.PushDatagram(Side::kTrunk, options_.index, packet, punt_class) ==
      PuntResult::kQueued) {
    punted_ = true;
  }
}

void Worker::ReportProbeReply(const OpenedTrunk& opened, const FiveTuple& from) {
  PuntedEvent event{};
  event.kind = opened.of_path ? PuntKind::kPathProbeReply : PuntKind::kProbeReply;
  event.relay_index = opened.relay_index;
  event.number = opened.probe_number;
  event.rtt_ns = opened.rtt_ns;
  if (opened.of_path) {
    event.heard = opened.heard;
    event.received = opened.received;
    event.socket = from.handle.index();
    event.remote = from.remote.ip;
    event.remote_port = from.remote.port;
  }
  ReportEvent(event);
}

void Worker::ReportUnboundIndex(uint32_t relay_index, uint32_t session_index) {
  PuntedEvent event{};
  event.kind = PuntKind::kUnboundIndex;
  event.relay_index = relay_index;
  event.number = session_index;
  ReportEvent(event);
}

bool Worker::ReportEvent(const PuntedEvent& event) {
  if (punts_.PushEvent(event) == PuntResult::kQueued) {
    punted_ = true;
    return true;
  }
  counters_.Add(Counter::kEventsDropped);
  return false;
}

void Worker::Queue(SendSocket& through, const Outgoing& outgoing) {
  if (sends_.full()) sends_.Flush(counters_);
  sends_.Add(through, outgoing);
}

void Worker::QueueData(const Outgoing& outgoing) {
  Endpoint* const endpoint = EndpointOf(outgoing.path->handle);
  if (endpoint == nullptr) [[unlikely]] {
    PassOn(HandOver::kSend, outgoing);
    return;
  }
  Queue(endpoint->data_sends(outgoing.from_trunk_port), outgoing);
}

void Worker::QueueBundle(const Outgoing& outgoing) {
  counters_.Add(Counter::kBundlesSent);
  QueueData(outgoing);
}

void Worker::FlushSends() {
  if (!sends_.empty()) sends_.Flush(counters_);
  bundler_.Recycle();
}

}  // namespace turnpike
