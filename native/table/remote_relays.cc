#include "table/remote_relays.h"

#include <sys/mman.h>

#include "base/units.h"

namespace turnpike {

bool RemoteRelayShared::TakeUnboundEvent(uint64_t monotonic_ns) {
  const uint64_t second = monotonic_ns / kNsPerSecond;
  uint64_t seen = unbound_events.load(std::memory_order_relaxed);
  while (true) {
    const uint64_t count = seen >> 8 == second ? seen & 0xff : 0;
    if (count >= kUnboundEventsPerSecond) return false;
    const uint64_t next = second << 8 | (count + 1);
    if (unbound_events.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return true;
  }
}

Status RemoteRelays::Allocate(uint32_t relays_max, const SipKey& hash_key, TrunkTraffic* traffic) {
  relays_max_ = relays_max;
  traffic_ = traffic;
  relays_ = std::make_unique<std::unique_ptr<RemoteRelay>[]>(relays_max);
  if (Status status = windows_.Allocate(relays_max); !status.ok()) return status;
  return sources_.Allocate(2 * relays_max * kTrunkSourcesMax, hash_key);
}

void RemoteRelays::Put(uint32_t relay_index, std::unique_ptr<RemoteRelay> relay) {
  ForgetSources(relay_index);
  for (const TransportAddress& source : relay->sources) {
    // Never null: the table is sized for the maximum number of sources of all relays.
    *sources_.FindOrInsert(source) = relay_index;
    CountIp(source.ip);
  }
  if (relays_[relay_index] != nullptr) relay->TakeProbeCounts(*relays_[relay_index]);
  relays_[relay_index] = std::move(relay);
}

void RemoteRelays::Remove(uint32_t relay_index) {
  ForgetSources(relay_index);
  relays_[relay_index].reset();
  // The pages read as zero afterwards, which is a window's initial state.
  madvise(&windows_[relay_index], sizeof(Windows), MADV_DONTNEED);
}

void RemoteRelays::ForgetSources(uint32_t relay_index) {
  if (relays_[relay_index] == nullptr) return;
  for (const TransportAddress& source : relays_[relay_index]->sources) {
    const uint32_t* holder = sources_.Find(source);
    if (holder != nullptr && *holder == relay_index) sources_.Erase(source);
    UncountIp(source.ip);
  }
}

void RemoteRelays::CountIp(const IpAddress& ip) {
  const TransportAddress mark{ip, 0};
  uint32_t* count = sources_.Find(mark);
  if (count == nullptr) {
    count = sources_.FindOrInsert(mark);
    *count = 0;
  }
  ++*count;
}

void RemoteRelays::UncountIp(const IpAddress& ip) {
  const TransportAddress mark{ip, 0};
  uint32_t* count = sources_.Find(mark);
  if (count != nullptr && --*count == 0) sources_.Erase(mark);
}

Heard RemoteRelay::HeardBy(const FiveTuple& tuple) const {
  Heard heard = Heard::kUnknown;
  for (const TrunkPath& each : paths) {
    if (tuple.handle.index() != each.socket || !(each.remote.ip == tuple.remote.ip)) continue;
    if (each.remote.port == tuple.remote.port) return each.heard;
    heard = each.heard;
  }
  return heard;
}

uint8_t RemoteRelay::CountProbe(const FiveTuple& tuple) {
  for (TrunkPath& each : paths) {
    if (tuple.handle.index() != each.socket || !(each.remote == tuple.remote)) continue;
    each.probes = static_cast<uint8_t>((each.probes + 1) % kReceivedModulus);
    return static_cast<uint8_t>(each.probes + 1);
  }
  return 0;
}

void RemoteRelay::TakeProbeCounts(const RemoteRelay& before) {
  if (before.generation != generation) return;
  for (TrunkPath& each : paths) {
    for (const TrunkPath& former : before.paths) {
      if (former.socket == each.socket && former.remote == each.remote) each.probes = former.probes;
    }
  }
}

}  // namespace turnpike
