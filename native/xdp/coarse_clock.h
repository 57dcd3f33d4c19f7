#pragma once

#include <time.h>

#include <cstdint>

#include "base/units.h"

namespace turnpike {

// Returns the monotonic time in ns, with the resolution of the kernel's timer tick (1 to 10 ms).
inline uint64_t CoarseMonotonicNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace turnpike
