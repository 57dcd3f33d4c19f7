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

// The current time, read once per batch and passed to the forwarder.
struct Now {
  uint64_t monotonic_ns;
  // Whole days since 2026-01-01 UTC.
  uint16_t trunk_epoch;
  // The monotonic time in whole seconds.
  uint64_t monotonic_second = monotonic_ns / kNsPerSecond;
};

// Returns whole days since 2026-01-01 UTC: 0 for earlier times, 65,535 for later ones than the
// field can hold.
inline uint16_t TrunkEpochOf(uint64_t unix_seconds) {
  if (unix_seconds < kTrunkEpochZeroSeconds) return 0;
  const uint64_t days = (unix_seconds - kTrunkEpochZeroSeconds) / kSecondsPerDay;
  return days > 0xffff ? 0xffff : static_cast<uint16_t>(days);
}

}  // namespace turnpike
