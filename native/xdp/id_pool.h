// Allocates numbers from 1 up. A returned number is not reused before a rest of 100 ms, so that the
// BPF program cannot apply a number that it has just read to a new holder.
#pragma once

#include <cstdint>
#include <deque>

namespace turnpike {

class IdPool {
 public:
  // Allocates numbers from 1 to `last`.
  explicit IdPool(uint32_t last = 0) : last_(last) {}

  // Returns a free number, or 0 if none is free or all free ones are still resting.
  uint32_t Take(uint64_t monotonic_ns) {
    if (!resting_.empty() && monotonic_ns - resting_.front().since_ns >= kRestNs) {
      const uint32_t number = resting_.front().number;
      resting_.pop_front();
      return number;
    }
    return highest_ < last_ ? ++highest_ : 0;
  }
  void GiveBack(uint32_t number, uint64_t monotonic_ns) {
    resting_.push_back(Resting{number, monotonic_ns});
  }

  // The highest number that was ever allocated.
  uint32_t highest() const { return highest_; }

 private:
  // One run of the BPF program takes microseconds, far less than this.
  static constexpr uint64_t kRestNs = 100'000'000;

  struct Resting {
    uint32_t number;
    uint64_t since_ns;
  };

  uint32_t last_;
  uint32_t highest_ = 0;
  std::deque<Resting> resting_;
};

}  // namespace turnpike
