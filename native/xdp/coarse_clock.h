#pragma once

#include <time.h>

#include <cstdint>

#include "base/units.h"

namespace turnpike {

// The monotonic clock as of the last tick: good to some milliseconds.
inline uint64_t CoarseMonotonicNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace turnpike
