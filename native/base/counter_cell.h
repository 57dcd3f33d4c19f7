// A counter with one writing thread and any number of readers, in memory that JavaScript shares.
// There is one writer, so a relaxed load and store replace an atomic add.
#pragma once

#include <atomic>
#include <cstdint>

namespace turnpike {

class CounterCell {
 public:
  void Add(uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  // Subtracts one; never goes below zero.
  void TakeBackOne() {
    const uint64_t value = value_.load(std::memory_order_relaxed);
    if (value > 0) value_.store(value - 1, std::memory_order_relaxed);
  }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_;
};
static_assert(sizeof(CounterCell) == 8 && std::atomic<uint64_t>::is_always_lock_free);

}  // namespace turnpike
