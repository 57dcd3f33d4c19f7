// The part of Worker that holds early data of allocations (EarlyData) until it has an entry.
#include <algorithm>

#include "io/clock.h"
#include "io/worker.h"
#include "wire/stun_header.h"

namespace turnpike {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

// Returns whether a STUN message type, of a request or with the bits of a response taken away, asks
// for a permission or a channel.
bool AsksForEntry(uint16_t type) {
  return type == kCreatePermissionRequest || type == kChannelBindRequest;
}

}  // namespace

bool Worker::DropUnlessEarly(EarlyData::From from, const Packet& packet, Verdict verdict,
                             const Now& now) {
  if (!early_.idle() && LacksEntry(verdict) &&
      early_.Hold(from, packet, verdict, now.monotonic_ns)) {
    counters_.Add(Counter::kEarlyData);
    return false;
  }
  counters_.Add(verdict);
  return true;
}

void Worker::AwaitAnswer(const Packet& packet) {
  if (!AsksForEntry(StunTypeOf(packet.data))) return;
  const Now now = ReadClock();
  EarlyData::Relayed relayed{};
  bool has_allocation = false;
  for (const bool ipv4 : {true, false}) {
    const Flow* const flow = tables_.flows.Find(SendKey(*packet.tuple, ipv4));
    if (flow == nullptr || flow->expiry.IsOver(now.monotonic_second)) continue;
    relayed[ipv4] = flow->action.tuple.handle;
    has_allocation = true;
  }
  if (has_allocation) early_.Await(*packet.tuple, relayed, now.monotonic_ns);
}

void Worker::NoteAnswer(const FiveTuple& client, const uint8_t* message, uint32_t length) {
  if (length < kStunHeaderBytes) return;
  const uint16_t type = StunTypeOf(message);
  if ((type & kResponseBit) == 0) return;
  if (AsksForEntry(type & ~(kResponseBit | kErrorBit))) early_.NoteAnswer(client);
}

void Worker::ServeEarlyData(const Now& now, TransportHandle newer) {
  const bool made_way_for = !(newer == TransportHandle());
  if (!made_way_for && !early_.IsDue(now.monotonic_ns)) return;
  const bool gave = early_.Serve(
      now.monotonic_ns, counters_,
      [&](EarlyData::From from, const Packet& packet) { return ForwardEarly(from, packet, now); },
      newer);
  if (!gave) return;
  // Before another datagram is held in the same memory.
  CloseBundles();
  FlushSends();
  WakeHandedOver();
}

bool Worker::ForwardEarly(EarlyData::From from, const Packet& packet, const Now& now) {
  if (from == EarlyData::From::kPeer) {
    Flow* flow;
    const Verdict verdict = allocation_forwarder_.ForwardLonePeer(packet, now, &flow);
    if (LacksEntry(verdict)) return false;
    counters_.Add(verdict);
    if (verdict == Verdict::kPeerToClient) QueueToClient(packet, *flow);
    return true;
  }
  const Verdict verdict = ForwardLoneClient(packet, now);
  if (LacksEntry(verdict)) return false;
  if (verdict == Verdict::kSendNoAllocation) counters_.Add(verdict);
  return true;
}

int Worker::EarlyDataDueMs() const {
  if (early_.empty()) return -1;
  const uint64_t now_ns = ReadClock().monotonic_ns;
  const uint64_t left_ns = early_.due_ns() > now_ns ? early_.due_ns() - now_ns : 0;
  return static_cast<int>(left_ns / kNsPerMs) + 1;
}

}  // namespace turnpike
