// When an entry ends. It lies in a line of the entry that a packet needs in any case, and costs one
// comparison.
#pragma once

#include <cstdint>

namespace turnpike {

// The second of the monotonic clock from which on an entry forwards nothing; 0, and so zeroed
// memory, is never. 32 bits hold the first 136 years after the boot, and what would end later never
// ends, so no second is passed twice.
class Expiry {
 public:
  // The end of an entry that lasts so many seconds from now, where `monotonic_second` is the whole
  // seconds of now. What is cut off from those is added: an entry lasts up to a second longer than
  // asked for, and never shorter. A lifetime of 0 is for ever.
  static Expiry After(uint32_t lifetime_seconds, uint64_t monotonic_second) {
    if (lifetime_seconds == 0) return {};
    const uint64_t end = monotonic_second + 1 + lifetime_seconds;
    Expiry expiry;
    expiry.second_ = end <= UINT32_MAX ? static_cast<uint32_t>(end) : 0;
    return expiry;
  }

  // 0 less 1 is a second that never comes.
  bool IsOver(uint64_t monotonic_second) const { return monotonic_second > second_ - 1u; }

  uint32_t second() const { return second_; }

 private:
  uint32_t second_ = 0;
};

}  // namespace turnpike
