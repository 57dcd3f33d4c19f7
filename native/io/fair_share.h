// Limits what each sender holds of a bounded queue between two threads, so that one sender cannot
// fill it. A sender may hold a fixed part of the free bytes (Choudhury and Hahne, "Dynamic Queue
// Length Thresholds", 1998). A sender that holds nothing is admitted while there is room.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "base/siphash.h"
#include "table/five_tuple.h"

namespace turnpike {

// Part of the free bytes of a punt queue that one source may hold: 1/4.
inline constexpr uint32_t kFairShareOfSource = 4;
// Part of the free bytes of a punt queue that one 5-tuple may hold: 1/8.
inline constexpr uint32_t kFairShareOfSender = 8;
// Cells that count the bytes of sources and 5-tuples, which share them by their hash.
inline constexpr uint32_t kFairShareCells = 32'768;

// Counts bytes in cells that senders are hashed to with a secret key. A sender has one cell in each
// of two rows and is charged the lower count. It is overcharged only if both of its cells are
// shared, which an attacker cannot aim for. Memory is fixed.
class FairShare {
 public:
  // The sender that a record counts for: its source, and the sender within that source.
  struct Sender {
    uint64_t source_hash = 0;
    uint64_t sender_hash = 0;
  };
  // Stored with a record in the queue.
  struct Ticket {
    uint32_t bytes = 0;
    // Cells of the source and of the sender, in each row.
    std::array<uint16_t, 4> cells{};
  };

  Status Allocate(const SipKey& hash_key);

  // Returns the sender of a 5-tuple. The source is an IPv4 address or an IPv6 /64; the sender
  // within it is the 5-tuple.
  Sender SenderOf(const FiveTuple& tuple) const;
  // Returns a sender identified by a number.
  Sender SenderOf(uint32_t number) const;

  // Producer: returns whether `bytes` may be added while `free_bytes` are free. Counts nothing.
  bool Admits(const Sender& sender, uint32_t bytes, uint64_t free_bytes) const;
  // Producer: counts a record.
  Ticket Take(const Sender& sender, uint32_t bytes);
  // Consumer: uncounts a record that has left the queue.
  void GiveBack(const Ticket& ticket);

 private:
  static constexpr uint32_t kRowCells = kFairShareCells / 4;
  static_assert((kRowCells & (kRowCells - 1)) == 0 && kFairShareCells <= 65'536);

  static std::array<uint16_t, 4> CellsOf(const Sender& sender);
  uint32_t Held(uint16_t first, uint16_t second) const;

  SipKey hash_key_;
  MappedArray<std::atomic<uint32_t>> cells_;
};

}  // namespace turnpike
