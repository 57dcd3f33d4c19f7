// Decides when routes and addresses are read again after a notification: at once, but at most once
// per second.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace turnpike {

class RefreshThrottle {
 public:
  void OnNews() { news_ = true; }
  // Returns true if a refresh is due and clears the notification.
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
