// When routes and addresses are looked at again after news of them: at once, but not sooner than a
// second after the last time, however fast the news come.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace turnpike {

class RefreshThrottle {
 public:
  void OnNews() { news_ = true; }
  // Whether it is time; then the news count as looked at.
  bool Due(uint64_t monotonic_ns) {
    if (!news_ || monotonic_ns < next_ns_) return false;
    news_ = false;
    next_ns_ = monotonic_ns + kNsPerSecond;
    return true;
  }

 private:
  bool news_ = false;
  uint64_t next_ns_ = 0;
};

}  // namespace turnpike
