// Every counter, named once. A worker counts in its own row of memory shared with JavaScript; the
// last row belongs to the controlling thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/counter_cell.h"
#include "forward/verdict.h"

// X(constant, name); the verdicts come first.
#define TURNPIKE_IO_COUNTERS(X)                                                               \
  /* UDP payloads received and sent, by side. */                                              \
  X(ClientRxPackets, "client_rx_packets")                                                     \
  X(ClientRxBytes, "client_rx_bytes")                                                         \
  X(ClientTxPackets, "client_tx_packets")                                                     \
  X(ClientTxBytes, "client_tx_bytes")                                                         \
  X(TrunkRxPackets, "trunk_rx_packets")                                                       \
  X(TrunkRxBytes, "trunk_rx_bytes")                                                           \
  X(TrunkTxPackets, "trunk_tx_packets")                                                       \
  X(TrunkTxBytes, "trunk_tx_bytes")                                                           \
  /* Receive calls that failed for another reason than having nothing. */                     \
  X(ReceiveErrors, "receive_errors")                                                          \
  /* Dropped by the kernel before we saw them: the socket's receive buffer was full. */       \
  X(ReceiveDropped, "receive_dropped")                                                        \
  /* Sends of several equal datagrams in one message; such sends that the kernel or the */    \
  /* device refused, whose datagrams then left one by one. */                                 \
  X(SegmentedSends, "segmented_sends")                                                        \
  X(SegmentsRefused, "segments_refused")                                                      \
  /* Trunk datagrams of bundled records. */                                                   \
  X(BundlesSent, "bundles_sent")                                                              \
  /* Turns that began a little later, so that they had more to do at once. */                 \
  X(CoalescingPauses, "coalescing_pauses")                                                    \
  /* Dropped: the kernel's send buffer or device queue was full; the kernel refused it. */    \
  X(SendBlocked, "send_blocked")                                                              \
  X(SendErrors, "send_errors")                                                                \
  /* Dropped instead of handed up: a queue of known senders, or that of strangers, was */     \
  /* full; the sender held its share of it; longer than kPuntBytesMax. */                     \
  X(PuntQueueFull, "punt_queue_full")                                                         \
  X(PuntOverShare, "punt_over_share")                                                         \
  X(StrangerQueueFull, "stranger_queue_full")                                                 \
  X(StrangerOverShare, "stranger_over_share")                                                 \
  X(PuntOversize, "punt_oversize")                                                            \
  /* Events that did not fit the punt queue. */                                               \
  X(EventsDropped, "events_dropped")                                                          \
  X(CommandsApplied, "commands_applied")                                                      \
  /* Trunk probes; path probes that are longer than the device's MTU, which were not sent. */ \
  X(ProbesSent, "probes_sent")                                                                \
  X(ProbesTooLong, "probes_too_long")                                                         \
  X(ControlSent, "control_sent")                                                              \
  /* Dropped: no room for a control datagram in its worker's send queue. */                   \
  X(ControlSendDropped, "control_send_dropped")                                               \
  /* Bare Closed indications: sent to sources of data that met no flow; not sent because */   \
  /* the budget of the source, or of all, was used up. */                                     \
  X(ClosedIndicationsSent, "closed_indications_sent")                                         \
  X(ClosedIndicationsOverBudget, "closed_indications_over_budget")

namespace turnpike {

enum class Counter : uint8_t {
#define X(constant, name) k##constant,
  TURNPIKE_VERDICTS(X) TURNPIKE_IO_COUNTERS(X)
#undef X
};

inline constexpr const char* kCounterNames[] = {
#define X(constant, name) name,
    TURNPIKE_VERDICTS(X) TURNPIKE_IO_COUNTERS(X)
#undef X
};
inline constexpr size_t kCounterCount = sizeof(kCounterNames) / sizeof(kCounterNames[0]);

// Cells of one row: whole cache lines, so that two workers never write to one line.
inline constexpr size_t kCounterRowCells = (kCounterCount + 7) / 8 * 8;

class CounterRow {
 public:
  // `cells` are kCounterRowCells and outlive the row.
  explicit CounterRow(CounterCell* cells) : cells_(cells) {}

  void Add(Counter counter, uint64_t amount = 1) {
    cells_[static_cast<uint8_t>(counter)].Add(amount);
  }
  // A verdict's counter has the verdict's number.
  void Add(Verdict verdict) { cells_[static_cast<uint8_t>(verdict)].Add(1); }

 private:
  CounterCell* cells_;
};

}  // namespace turnpike
