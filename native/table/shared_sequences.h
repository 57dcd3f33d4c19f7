// Sequences of connections whose packets go two ways at once: by the workers, and by a fast path
// beside them. Both count in the same cells, so that what takes the other way does not look like
// loss to the receiver.
//
// A cell is one atomic 32-bit number in eight bytes, the layout of BPF arrays.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "table/session_table.h"

namespace turnpike {

// Memory of a fast path, or null where there is none. Any thread.
struct SharedSequences {
  uint8_t* flows = nullptr;
  uint8_t* sessions = nullptr;

  // The next session sequence of a flow that has a cell.
  uint16_t NextSequence(uint32_t cell) const {
    return static_cast<uint16_t>(At(flows, cell).fetch_add(1, std::memory_order_relaxed));
  }

  // Session::Step, on the cell of a session's place in the table.
  SequenceStep Step(uint32_t place, uint16_t sequence) const {
    std::atomic<uint32_t>& cell = At(sessions, place);
    uint32_t before = cell.load(std::memory_order_relaxed);
    while (true) {
      SessionSequence state{(before & kStarted) != 0, static_cast<uint16_t>(before)};
      const SequenceStep step = state.Step(sequence);
      const uint32_t after = kStarted | state.newest;
      if (cell.compare_exchange_weak(before, after, std::memory_order_relaxed)) return step;
    }
  }

  // Set in the cell of a session that has had a record; the low 16 bits are its sequence.
  static constexpr uint32_t kStarted = 0x10000;

 private:
  static constexpr size_t kStrideBytes = 8;

  static std::atomic<uint32_t>& At(uint8_t* cells, uint32_t number) {
    return *reinterpret_cast<std::atomic<uint32_t>*>(cells + size_t{number} * kStrideBytes);
  }
};
static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free);

}  // namespace turnpike
