// Session sequences shared by the workers and a fast path. Both forward packets of a session and
// use the same cells, so that the other relay sees one sequence without gaps.
//
// A cell is an atomic 32-bit number in eight bytes, the layout of BPF arrays.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "table/session_table.h"

namespace turnpike {

// The cells of a fast path; null without one. Any thread.
struct SharedSequences {
  uint8_t* flows = nullptr;
  uint8_t* sessions = nullptr;

  // Returns and increments the session sequence of a flow that has a cell.
  uint16_t NextSequence(uint32_t cell) const {
    return static_cast<uint16_t>(At(flows, cell).fetch_add(1, std::memory_order_relaxed));
  }

  // Does SessionSequence::Step atomically on the cell of a session's slot.
  SequenceStep Step(uint32_t slot, uint16_t sequence) const {
    std::atomic<uint32_t>& cell = At(sessions, slot);
    uint32_t before = cell.load(std::memory_order_relaxed);
    while (true) {
      SessionSequence state{(before & kStarted) != 0, static_cast<uint16_t>(before)};
      const SequenceStep step = state.Step(sequence);
      const uint32_t after = kStarted | state.newest;
      if (cell.compare_exchange_weak(before, after, std::memory_order_relaxed)) return step;
    }
  }

  // Flag in a session's cell: a record was received. The low 16 bits are the newest sequence.
  static constexpr uint32_t kStarted = 0x10000;

 private:
  static constexpr size_t kStrideBytes = 8;

  static std::atomic<uint32_t>& At(uint8_t* cells, uint32_t number) {
    return *reinterpret_cast<std::atomic<uint32_t>*>(cells + size_t{number} * kStrideBytes);
  }
};
static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

}  // namespace turnpike
