// The addresses of known relays, so that nothing that answers strangers ever answers a relay. The
// controlling thread writes, every worker reads, without a lock.
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

// Addresses of known relays that are never answered so.
inline constexpr uint32_t kRelayHostsMax = 32'768;

// A set of hashes. Two sets take turns: one is read while the other is made. A reader that is held
// up while the set is made twice may read a mixture; it then answers wrongly about one datagram.
class RelayHosts {
 public:
  Status Allocate(const SipKey& hash_key) {
    hash_key_ = hash_key;
    if (Status status = sets_[0].Allocate(kPlaces); !status.ok()) return status;
    return sets_[1].Allocate(kPlaces);
  }

  // Controlling thread: the relays known from now on. Port 0 stands for every port of that IP.
  // With more than kRelayHostsMax of them every address counts as a relay's.
  void Set(const std::vector<TransportAddress>& hosts) {
    const uint32_t next = 1 - current_.load(std::memory_order_relaxed);
    MappedArray<std::atomic<uint64_t>>& set = sets_[next];
    for (uint32_t i = 0; i < kPlaces; ++i) {
      // Reading first leaves untouched pages untouched.
      if (set[i].load(std::memory_order_relaxed) != 0) set[i].store(0, std::memory_order_relaxed);
    }
    const bool overflow = hosts.size() > kRelayHostsMax;
    for (size_t i = 0; i < hosts.size() && !overflow; ++i) {
      const uint64_t hash = HashOf(hosts[i]);
      uint32_t place = hash & (kPlaces - 1);
      while (set[place].load(std::memory_order_relaxed) != 0) place = (place + 1) & (kPlaces - 1);
      set[place].store(hash, std::memory_order_relaxed);
    }
    all_.store(overflow, std::memory_order_relaxed);
    current_.store(next, std::memory_order_release);
  }

  // Any thread: whether a relay may be there.
  bool Contain(const TransportAddress& remote) const {
    if (all_.load(std::memory_order_relaxed)) return true;
    const uint32_t current = current_.load(std::memory_order_acquire);
    return Find(current, HashOf(remote)) || Find(current, HashOf(TransportAddress{remote.ip, 0}));
  }

 private:
  // At most half of the places are taken.
  static constexpr uint32_t kPlaces = 2 * kRelayHostsMax;
  static_assert((kPlaces & (kPlaces - 1)) == 0);

  // Never 0, which is an empty place.
  uint64_t HashOf(const TransportAddress& endpoint) const {
    SipHash13 hash(hash_key_);
    hash.Update(endpoint.ip.bytes.data(), endpoint.ip.bytes.size());
    hash.UpdateWord(endpoint.port, 2);
    return hash.Finish() | 1;
  }

  bool Find(uint32_t set, uint64_t hash) const {
    uint32_t place = hash & (kPlaces - 1);
    for (uint32_t probes = 0; probes < kPlaces; ++probes) {
      const uint64_t found = sets_[set][place].load(std::memory_order_relaxed);
      if (found == hash) return true;
      if (found == 0) return false;
      place = (place + 1) & (kPlaces - 1);
    }
    return false;
  }

  std::array<MappedArray<std::atomic<uint64_t>>, 2> sets_;
  SipKey hash_key_;
  std::atomic<uint32_t> current_{0};
  std::atomic<bool> all_{false};
};

}  // namespace turnpike
