// Which of the endpoints that share a receive buffer crowd it, so that the others lose datagrams.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace turnpike {

// Time between two looks at how full a buffer is, which are system calls.
inline constexpr uint64_t kCrowdLookEveryNs = 1'000'000;
// Bytes received in one count, with the kernel's overhead. What one endpoint sends and receives
// in bursts is far less, so one count tells heavy endpoints from others.
inline constexpr uint32_t kCrowdBytes = 8u << 20;
// An endpoint with more of a count than this crowds the buffer: no more than 64 endpoints can.
inline constexpr uint32_t kCrowdShareBytes = kCrowdBytes / 64;
// What a message takes of a receive buffer beside its bytes: the kernel's structures.
inline constexpr uint32_t kMessageOverheadBytes = 768;

class CrowdedBuffer {
 public:
  // Returns whether it is time for a look. While the buffer has datagrams left only: one that is
  // drained is not crowded.
  bool IsLookDue(uint64_t now_ns) {
    if (now_ns - looked_at_ns_ < kCrowdLookEveryNs) return false;
    looked_at_ns_ = now_ns;
    return true;
  }

  // Notes what a look has shown.
  void Note(bool is_half_full) {
    if (is_half_full && !counting_) Begin();
    counting_ = is_half_full;
  }
  bool counting() const { return counting_; }

  // Counts a received message of an endpoint, which keeps `crowd` and `crowd_bytes`, both 0 at
  // first. Returns whether the endpoint crowds the buffer.
  bool Count(uint32_t length, uint32_t* crowd, uint32_t* crowd_bytes) {
    const uint32_t bytes = length + kMessageOverheadBytes;
    if (counted_bytes_ >= kCrowdBytes) Begin();
    counted_bytes_ += bytes;
    if (*crowd != number_) {
      *crowd = number_;
      *crowd_bytes = 0;
    }
    *crowd_bytes += bytes;
    return *crowd_bytes > kCrowdShareBytes;
  }

 private:
  void Begin() {
    ++number_;
    counted_bytes_ = 0;
  }

  uint64_t looked_at_ns_ = 0;
  bool counting_ = false;
  // Number of the count. An endpoint has one shared socket, so its number is of that.
  uint32_t number_ = 0;
  uint32_t counted_bytes_ = 0;
};

}  // namespace turnpike
