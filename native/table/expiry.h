// The time at which a table entry expires. Stored in a cache line of the entry that a packet reads
// anyway; the check is one comparison.
#pragma once

#include <cstdint>

namespace turnpike {

// The monotonic second from which on an entry forwards nothing. 0, and therefore zeroed memory,
// means never. 32 bits hold the first 136 years after boot. A later end is stored as never, so the
// number does not wrap.
class Expiry {
 public:
  // Returns the expiry of an entry that lasts `lifetime_seconds` from now; `monotonic_second` is
  // the current time rounded down. The rounding is compensated: an entry lasts up to a second
  // longer than asked for, never shorter. A lifetime of 0 means never.
  static Expiry After(uint32_t lifetime_seconds, uint64_t monotonic_second) {
    if (lifetime_seconds == 0) return {};
    const uint64_t end = monotonic_second + 1 + lifetime_seconds;
    Expiry expiry;
    expiry.second_ = end <= UINT32_MAX ? static_cast<uint32_t>(end) : 0;
    return expiry;
  }

  // `second_` 0 means never: 0 - 1 is the largest second.
  bool IsOver(uint64_t monotonic_second) const { return monotonic_second > second_ - 1u; }

  uint32_t second() const { return second_; }

 private:
  uint32_t second_ = 0;
};

}  // namespace turnpike
