// The replay window of one lane of one relay. It is exact although several workers may receive the
// lane.
//
// The highest sequence is shared and rises only by compare-and-swap. Each sequence below it was
// therefore crossed by exactly one swap. The worker that made this swap owns the sequence: it marks
// it unseen in its private bitmap, and only it may accept it later. Every other worker treats the
// sequence as already seen. So no sequence is accepted twice, without a lock. In exchange, a
// reordered datagram that reaches another worker than the owner of its sequence is dropped; this
// needs reordering and a changed path at the same time.
//
// A fast path also raises the shared highest sequence, to the lower bound of its own window. The
// workers accept no sequence up to there.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/interface.h"

namespace turnpike {

// PROTOCOL.md section 4 requires at least 1,024. A sender's lane counter is shared by all its
// relays, so sequences to one relay have gaps that grow with the sender's other traffic.
inline constexpr uint32_t kReplayWindowBits = 4'096;

enum class ReplayVerdict : uint8_t { kFresh, kReplayed, kTooOld };

// One worker's window; used by that worker only. All zero is a valid initial state, so windows may
// lie in mapped memory.
class ReplayWindow {
 public:
  // Checks an authenticated sequence and marks it as seen if it is fresh. `shared_highest` is the
  // lane's, shared by all workers.
  ReplayVerdict Accept(std::atomic<uint64_t>& shared_highest, uint64_t sequence);

 private:
  static constexpr uint64_t kBits = kReplayWindowBits;
  static constexpr uint64_t kWords = kBits / 64;
  static_assert((kBits & (kBits - 1)) == 0 && kBits >= 1'024);

  // Moves the window up to `sequence` after a successful swap from `previous`.
  void Advance(uint64_t previous, uint64_t sequence);
  // Marks the sequences first … last, at most kBits of them.
  void Fill(uint64_t first, uint64_t last, bool seen);

  uint64_t highest_;
  uint64_t seen_[kWords];
};

}  // namespace turnpike
