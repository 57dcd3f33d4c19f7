#pragma once

#include <cstdint>

namespace turnpike {

// Nanoseconds of a second.
inline constexpr uint64_t kNsPerSecond = 1'000'000'000;
// Nanoseconds of a microsecond.
inline constexpr uint64_t kNsPerUs = 1'000;
// Seconds of a day.
inline constexpr uint64_t kSecondsPerDay = 86'400;
// 2026-01-01 00:00 UTC in Unix seconds: day 0 of the trunk key epochs (PROTOCOL.md section 4).
inline constexpr uint64_t kTrunkEpochZeroSeconds = 1'767'225'600;

// The time as the forwarder sees it, read once for each batch and passed in.
struct Now {
  uint64_t monotonic_ns;
  // Whole days since 2026-01-01 UTC.
  uint16_t trunk_epoch;
  // The monotonic time in whole seconds.
  uint64_t monotonic_second = monotonic_ns / kNsPerSecond;
};

// Whole days since 2026-01-01 UTC; 0 before that, 65535 after the field's end.
inline uint16_t TrunkEpochOf(uint64_t unix_seconds) {
  if (unix_seconds < kTrunkEpochZeroSeconds) return 0;
  const uint64_t days = (unix_seconds - kTrunkEpochZeroSeconds) / kSecondsPerDay;
  return days > 0xffff ? 0xffff : static_cast<uint16_t>(days);
}

}  // namespace turnpike
