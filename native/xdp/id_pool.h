// Numbers from 1 up, each used by one holder at a time. One that is given back rests before it is
// used again, so that a packet that was looked up before meets no new meaning of it.
#pragma once

#include <cstdint>
#include <deque>

namespace turnpike {

class IdPool {
 public:
  // Numbers up to `last`.
  explicit IdPool(uint32_t last = 0) : last_(last) {}

  // A free number, or 0 when there is none that has rested.
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

  // The highest number that was ever taken.
  uint32_t highest() const { return highest_; }

 private:
  // A program runs for microseconds.
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
