// The generic cell rate algorithm (ITU-T I.371), which is a token bucket in one word: when the next
// event would be due if all came at the rate. All zero is a full bucket.
#pragma once

#include <cstdint>

namespace turnpike {

class RateLimiter {
 public:
  // Takes one of `burst` at once and one every `interval_ns`; false when there is none.
  bool Take(uint64_t now_ns, uint64_t interval_ns, uint64_t burst) {
    const uint64_t due_ns = due_ns_ > now_ns ? due_ns_ : now_ns;
    if (due_ns - now_ns > (burst - 1) * interval_ns) return false;
    due_ns_ = due_ns + interval_ns;
    return true;
  }

 private:
  uint64_t due_ns_ = 0;
};

}  // namespace turnpike
