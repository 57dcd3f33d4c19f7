// Tells quickly that no peer at an IP address is reached over the trunk, so that what goes to other
// peers of allocations costs no lookup.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/ip_address.h"

namespace turnpike {

// Counts entries by a hash of their IP address. Used by one worker. Addresses that share a count
// cost a lookup more, and nothing else.
class PeerHosts {
 public:
  void Add(const IpAddress& ip) { ++CountOf(ip); }
  // Reverts an Add.
  void Remove(const IpAddress& ip) { --CountOf(ip); }
  // Whether there may be an entry with this address.
  bool MayContain(const IpAddress& ip) const { return counts_[SlotOf(ip)] != 0; }

 private:
  static constexpr uint32_t kSlots = 1'024;

  static uint32_t SlotOf(const IpAddress& ip) {
    uint32_t words[4];
    static_assert(sizeof(words) == sizeof(ip.bytes));
    std::memcpy(words, ip.bytes.data(), sizeof(words));
    const uint32_t folded = words[0] ^ words[1] ^ words[2] ^ words[3];
    // The high bits of a product with an odd number depend on all of its bits.
    return folded * 0x9e37'79b1u >> 22;
  }
  uint32_t& CountOf(const IpAddress& ip) { return counts_[SlotOf(ip)]; }

  std::array<uint32_t, kSlots> counts_{};
};

}  // namespace turnpike
