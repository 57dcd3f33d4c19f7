// The generic cell rate algorithm (ITU-T I.371): a token bucket stored as one number, the time at
// which the next event is due at the configured rate. All zero is a full bucket.
#pragma once

#include <cstdint>

namespace turnpike {

class RateLimiter {
 public:
  // Takes one token and returns true, or returns false if there is none. The bucket holds `burst`
  // tokens and gains one every `interval_ns`.
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
