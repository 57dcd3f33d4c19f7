#include "table/replay_window.h"

#include <algorithm>

namespace turnpike {

ReplayVerdict ReplayWindow::Accept(std::atomic<uint64_t>& shared_highest, uint64_t sequence) {
  // The shared highest sequence starts at 0, so no swap crosses 0 and no worker owns it.
  if (sequence == 0) return ReplayVerdict::kTooOld;
  uint64_t previous = shared_highest.load(std::memory_order_relaxed);
  while (sequence > previous) {
    // Relaxed order suffices: the algorithm depends only on the order of swaps of this variable.
    if (shared_highest.compare_exchange_weak(previous, sequence, std::memory_order_relaxed)) {
      Advance(previous, sequence);
      return ReplayVerdict::kFresh;
    }
  }
  if (previous - sequence >= kBits) return ReplayVerdict::kTooOld;
  // Crossed by another worker after this worker's last swap, so that worker owns it.
  if (sequence > highest_) return ReplayVerdict::kReplayed;
  if (highest_ - sequence >= kBits) return ReplayVerdict::kTooOld;
  uint64_t& word = seen_[(sequence % kBits) / 64];
  const uint64_t bit = uint64_t{1} << (sequence % 64);
  if ((word & bit) != 0) return ReplayVerdict::kReplayed;
  word |= bit;
  return ReplayVerdict::kFresh;
}

void ReplayWindow::Advance(uint64_t previous, uint64_t sequence) {
  const uint64_t lowest = sequence >= kBits ? sequence - kBits + 1 : 0;
  // (highest_, previous] belongs to other workers; (previous, sequence) belongs to this one and is
  // unseen.
  if (previous > highest_) Fill(std::max(highest_ + 1, lowest), previous, true);
  if (sequence - previous > 1) Fill(std::max(previous + 1, lowest), sequence - 1, false);
  Fill(sequence, sequence, true);
  highest_ = sequence;
}

void ReplayWindow::Fill(uint64_t first, uint64_t last, bool seen) {
  while (first <= last) {
    const uint64_t offset = first % 64;
    const uint64_t count = std::min<uint64_t>(64 - offset, last - first + 1);
    const uint64_t ones = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    uint64_t& word = seen_[(first % kBits) / 64];
    word = seen ? word | ones << offset : word & ~(ones << offset);
    // Ends before `first` wraps to 0 at the top of the range.
    if (last - first < count) return;
    first += count;
  }
}

}  // namespace turnpike
