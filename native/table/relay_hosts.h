// The addresses of known relays. Servers that respond to unauthenticated sources check them, so
// that they never respond to a relay. The controlling thread writes, every worker reads, without a
// lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "base/siphash.h"
#include "table/five_tuple.h"

namespace turnpike {

// Maximum number of addresses in the set.
inline constexpr uint32_t kRelayHostsMax = 32'768;

// A set of hashes, stored twice: one copy is read while the other is built. A reader that is
// delayed during two rebuilds may read a mixture; its result for one datagram may then be wrong.
class RelayHosts {
 public:
  Status Allocate(const SipKey& hash_key) {
    hash_key_ = hash_key;
    if (Status status = sets_[0].Allocate(kSlots); !status.ok()) return status;
    return sets_[1].Allocate(kSlots);
  }

  // Replaces the set; controlling thread only. Port 0 stands for every port of that IP. With more
  // than kRelayHostsMax addresses, every address counts as a relay's.
  void Set(const std::vector<TransportAddress>& hosts) {
    const uint32_t next = 1 - current_.load(std::memory_order_relaxed);
    MappedArray<std::atomic<uint64_t>>& set = sets_[next];
    for (uint32_t i = 0; i < kSlots; ++i) {
      // Writes only where needed, so that untouched pages stay unallocated.
      if (set[i].load(std::memory_order_relaxed) != 0) set[i].store(0, std::memory_order_relaxed);
    }
    const bool overflow = hosts.size() > kRelayHostsMax;
    for (size_t i = 0; i < hosts.size() && !overflow; ++i) {
      const uint64_t hash = HashOf(hosts[i]);
      uint32_t slot = hash & (kSlots - 1);
      while (set[slot].load(std::memory_order_relaxed) != 0) slot = (slot + 1) & (kSlots - 1);
      set[slot].store(hash, std::memory_order_relaxed);
    }
    all_.store(overflow, std::memory_order_relaxed);
    current_.store(next, std::memory_order_release);
  }

  // Returns whether an address may be a relay's. Any thread.
  bool Contain(const TransportAddress& remote) const {
    if (all_.load(std::memory_order_relaxed)) return true;
    const uint32_t current = current_.load(std::memory_order_acquire);
    return Find(current, HashOf(remote)) || Find(current, HashOf(TransportAddress{remote.ip, 0}));
  }

 private:
  // Twice the maximum, so that at most half of the slots are used.
  static constexpr uint32_t kSlots = 2 * kRelayHostsMax;
  static_assert((kSlots & (kSlots - 1)) == 0);

  // Never returns 0, which marks an empty slot.
  uint64_t HashOf(const TransportAddress& endpoint) const {
    SipHash13 hash(hash_key_);
    hash.Update(endpoint.ip.bytes.data(), endpoint.ip.bytes.size());
    hash.UpdateWord(endpoint.port, 2);
    return hash.Finish() | 1;
  }

  bool Find(uint32_t set, uint64_t hash) const {
    uint32_t slot = hash & (kSlots - 1);
    for (uint32_t probes = 0; probes < kSlots; ++probes) {
      const uint64_t found = sets_[set][slot].load(std::memory_order_relaxed);
      if (found == hash) return true;
      if (found == 0) return false;
      slot = (slot + 1) & (kSlots - 1);
    }
    return false;
  }

  std::array<MappedArray<std::atomic<uint64_t>>, 2> sets_;
  SipKey hash_key_;
  std::atomic<uint32_t> current_{0};
  std::atomic<bool> all_{false};
};

}  // namespace turnpike
