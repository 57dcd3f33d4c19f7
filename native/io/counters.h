// Counters in memory that JavaScript reads. Each worker has a row; the controlling thread has the
// row behind theirs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/counter_cell.h"
#include "base/counter_names.h"
#include "base/interface.h"

namespace turnpike {

// Cells of one row, rounded up to whole cache lines, so that no two workers write to one line.
inline constexpr size_t kCounterRowCells = (kCounterCount + 7) / 8 * 8;

// The counters of what the sockets of a side receive and send.
struct SideCounters {
  Counter rx_packets;
  Counter rx_bytes;
  Counter tx_packets;
  Counter tx_bytes;
};

inline const SideCounters& CountersOf(Side side) {
  static constexpr SideCounters kCounters[] = {
      {Counter::kClientRxPackets, Counter::kClientRxBytes, Counter::kClientTxPackets,
       Counter::kClientTxBytes},
      {Counter::kTrunkRxPackets, Counter::kTrunkRxBytes, Counter::kTrunkTxPackets,
       Counter::kTrunkTxBytes},
      {Counter::kRelayedRxPackets, Counter::kRelayedRxBytes, Counter::kRelayedTxPackets,
       Counter::kRelayedTxBytes},
  };
  return kCounters[static_cast<uint8_t>(side)];
}

class CounterRow {
 public:
  // `cells` has kCounterRowCells elements and outlives the row.
  explicit CounterRow(CounterCell* cells) : cells_(cells) {}

  void Add(Counter counter, uint64_t amount = 1) {
    cells_[static_cast<uint8_t>(counter)].Add(amount);
  }
  // The counter of a verdict has the verdict's number.
  void Add(Verdict verdict) { cells_[static_cast<uint8_t>(verdict)].Add(1); }

 private:
  CounterCell* cells_;
};

}  // namespace turnpike
