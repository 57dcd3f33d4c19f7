// The replay window of one lane of one relay, exact although several workers may receive the lane.
//
// The highest sequence is shared and only ever rises by compare-and-swap, so each number below it
// was crossed by exactly one swap: the winner of that swap owns the number, marks it unseen in its
// private bitmap, and alone may accept it later. A number that another worker crossed is seen as
// far as this one is concerned. So no number is accepted twice and no lock is taken. The price: a
// late datagram that reaches another worker than the one that crossed its number is dropped, which
// needs reordering and a changed path at once.
//
// A fast path beside the workers swaps as well, up to what its own window holds too old: what it
// crossed nobody accepts.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/interface.h"

namespace turnpike {

// PROTOCOL.md section 4 asks for at least 1,024. A lane's counter is shared by all relays that the
// sender talks to, so the distance between two of our datagrams grows with its other traffic.
inline constexpr uint32_t kReplayWindowBits = 4'096;

enum class ReplayVerdict : uint8_t { kFresh, kReplayed, kTooOld };

// All zero is the valid start, so windows may lie in mapped memory. Used by its worker only.
class ReplayWindow {
 public:
  // Takes one authenticated sequence. `shared_highest` is the lane's, common to all workers.
  ReplayVerdict Accept(std::atomic<uint64_t>& shared_highest, uint64_t sequence);

 private:
  static constexpr uint64_t kBits = kReplayWindowBits;
  static constexpr uint64_t kWords = kBits / 64;
  static_assert((kBits & (kBits - 1)) == 0 && kBits >= 1'024);

  // Moves the window up to `sequence` after winning the swap from `previous`.
  void Advance(uint64_t previous, uint64_t sequence);
  // Marks the numbers first … last, at most kBits of them.
  void Fill(uint64_t first, uint64_t last, bool seen);

  uint64_t highest_;
  uint64_t seen_[kWords];
};

}  // namespace turnpike
