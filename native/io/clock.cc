#include "io/clock.h"

#include <time.h>

#include <algorithm>
#include <atomic>

namespace turnpike {

namespace {

timespec Read(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time;
}

// Returns a time as seconds × 2^32. A sender sends fewer than 2^32 datagrams per second, so a
// counter started here stays below one that is started later.
uint64_t FixedPoint(const timespec& time) {
  const uint64_t fraction = (static_cast<uint64_t>(time.tv_nsec) << 32) / kNsPerSecond;
  return static_cast<uint64_t>(time.tv_sec) << 32 | fraction;
}

}  // namespace

Now ReadClock() {
  const timespec monotonic = Read(CLOCK_MONOTONIC);
  const timespec wall = Read(CLOCK_REALTIME_COARSE);
  return Now{static_cast<uint64_t>(monotonic.tv_sec) * kNsPerSecond +
                 static_cast<uint64_t>(monotonic.tv_nsec),
             TrunkEpochOf(static_cast<uint64_t>(std::max<time_t>(wall.tv_sec, 0)))};
}

Expiry ExpiryAfter(uint32_t lifetime_seconds) {
  const auto second = static_cast<uint64_t>(Read(CLOCK_MONOTONIC).tv_sec);
  return Expiry::After(lifetime_seconds, second);
}

uint64_t NextInitialSequence() {
  // The largest difference of wall clock and monotonic clock at the start of any plane of this
  // process. Adding it keeps initial sequences rising when the wall clock is set back.
  static std::atomic<uint64_t> lead_max{0};
  const uint64_t monotonic = FixedPoint(Read(CLOCK_MONOTONIC));
  const uint64_t wall = std::max(FixedPoint(Read(CLOCK_REALTIME)), monotonic);
  uint64_t lead = lead_max.load();
  while (wall - monotonic > lead && !lead_max.compare_exchange_weak(lead, wall - monotonic)) {
  }
  return monotonic + std::max(lead, wall - monotonic);
}

}  // namespace turnpike
