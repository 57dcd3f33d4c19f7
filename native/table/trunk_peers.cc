#include "table/trunk_peers.h"

#include <sys/mman.h>

#include "base/units.h"

namespace turnpike {

bool TrunkPeerShared::TakeUnboundEvent(uint64_t monotonic_ns) {
  const uint64_t second = monotonic_ns / kNsPerSecond;
  uint64_t seen = unbound_events.load(std::memory_order_relaxed);
  while (true) {
    const uint64_t count = seen >> 8 == second ? seen & 0xff : 0;
    if (count >= kUnboundEventsPerSecond) return false;
    const uint64_t next = second << 8 | (count + 1);
    if (unbound_events.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return true;
  }
}

Status TrunkPeers::Allocate(uint32_t slots, const SipKey& hash_key, TrunkTraffic* traffic) {
  slots_ = slots;
  traffic_ = traffic;
  peers_ = std::make_unique<std::unique_ptr<TrunkPeer>[]>(slots);
  if (Status status = windows_.Allocate(slots); !status.ok()) return status;
  return sources_.Allocate(2 * slots * kTrunkSourcesMax, hash_key);
}

void TrunkPeers::Put(uint32_t slot, std::unique_ptr<TrunkPeer> peer) {
  ForgetSources(slot);
  for (const Endpoint& source : peer->sources) {
    // Never null: the table has room for every slot's most sources.
    *sources_.FindOrInsert(source) = slot;
    CountIp(source.ip);
  }
  peers_[slot] = std::move(peer);
}

void TrunkPeers::Remove(uint32_t slot) {
  ForgetSources(slot);
  peers_[slot].reset();
  // The pages come back as zeros, which is a window's valid start.
  madvise(&windows_[slot], sizeof(Windows), MADV_DONTNEED);
}

void TrunkPeers::ForgetSources(uint32_t slot) {
  if (peers_[slot] == nullptr) return;
  for (const Endpoint& source : peers_[slot]->sources) {
    const uint32_t* holder = sources_.Find(source);
    if (holder != nullptr && *holder == slot) sources_.Erase(source);
    UncountIp(source.ip);
  }
}

void TrunkPeers::CountIp(const IpAddress& ip) {
  const Endpoint mark{ip, 0};
  uint32_t* count = sources_.Find(mark);
  if (count == nullptr) {
    count = sources_.FindOrInsert(mark);
    *count = 0;
  }
  ++*count;
}

void TrunkPeers::UncountIp(const IpAddress& ip) {
  const Endpoint mark{ip, 0};
  uint32_t* count = sources_.Find(mark);
  if (count != nullptr && --*count == 0) sources_.Erase(mark);
}

Heard TrunkPeer::HeardBy(const FiveTuple& tuple) const {
  Heard heard = Heard::kUnknown;
  for (const TrunkWay& way : ways) {
    if (way.socket != tuple.socket || !(way.remote.ip == tuple.remote.ip)) continue;
    if (way.remote.port == tuple.remote.port) return way.heard;
    heard = way.heard;
  }
  return heard;
}

}  // namespace turnpike
