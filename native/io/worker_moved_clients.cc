// The part of Worker for clients that have moved to another 5-tuple (RFC 8016). The worker that
// receives the new 5-tuple passes its datagrams to the one that has the client's flows. There they
// are forwarded as those of the old 5-tuple until the flows are the new one's.
#include "io/worker.h"

namespace turnpike {

namespace {

// Returns whether a datagram has met no entry of its 5-tuple.
bool MeetsNoEntry(Verdict verdict) {
  return LacksEntry(verdict) || verdict == Verdict::kSendNoAllocation;
}

}  // namespace

Verdict Worker::ForwardLoneClient(const Packet& packet, const Now& now) {
  ClientLookup lookup;
  forwarder_.ClassifyClient(packet, &lookup);
  Verdict verdict = lookup.verdict;
  ClientResult result;
  if (lookup.needed) {
    Flow* const flow = forwarder_.FindFlow(lookup);
    if (lookup.is_send) {
      verdict = ForwardSend(packet, lookup.send, flow, now);
      // Counted already.
      if (verdict == Verdict::kClientToPeer) return verdict;
    } else {
      verdict = forwarder_.ForwardClient(packet, flow, now, &result);
    }
  }
  if (MeetsNoEntry(verdict) || verdict == Verdict::kClientPunted) return verdict;
  QueueFromClient(verdict, result, now);
  return verdict;
}

bool Worker::ForwardMovedTo(const Packet& packet, Verdict verdict, const Now& now) {
  const bool is_request = verdict == Verdict::kClientPunted;
  if (!is_request && !MeetsNoEntry(verdict)) return false;
  Flow* const moved = tables_.flows.Find(MovedKey(*packet.tuple));
  if (moved == nullptr) return false;
  if (const uint8_t worker = moved->action.worker; worker != options_.index) {
    HandTo(worker, {*packet.tuple, HandOver::kFromClient, 0, packet.traffic_class}, packet.data,
           packet.length);
    return true;
  }
  // Requests are those of the new 5-tuple.
  if (is_request) return false;
  ForwardAsBefore(packet, *moved, now);
  return true;
}

void Worker::ForwardAsBefore(const Packet& packet, Flow& moved, const Now& now) {
  Packet as_before = packet;
  as_before.tuple = &moved.action.tuple;
  const Verdict verdict = ForwardLoneClient(as_before, now);
  if (MeetsNoEntry(verdict)) {
    DropUnlessEarly(EarlyData::From::kClient, as_before, verdict, now);
    return;
  }
  if (moved.traffic.packets() > 0) return;
  PuntedEvent event{};
  event.kind = PuntKind::kClientMoved;
  // An event counts for its relay: this one for itself.
  event.relay_index = moved.action.move_number;
  event.number = moved.action.move_number;
  if (ReportEvent(event)) moved.traffic.Add(0, now.monotonic_second);
}

void Worker::TakeFromClient(const Packet& packet, const Now& now) {
  const Verdict verdict = ForwardLoneClient(packet, now);
  if (verdict == Verdict::kClientPunted) return Punt(Side::kClient, packet, verdict);
  if (!MeetsNoEntry(verdict)) return;
  Flow* const moved = tables_.flows.Find(MovedKey(*packet.tuple));
  // Never handed over twice.
  if (moved != nullptr && moved->action.worker == options_.index) {
    return ForwardAsBefore(packet, *moved, now);
  }
  DropUnlessEarly(EarlyData::From::kClient, packet, verdict, now);
}

}  // namespace turnpike
