// What each sender holds of a bounded queue between two threads, so that one that sends more than
// is answered leaves room for the others. A sender may hold a part of what is free (Choudhury and
// Hahne, "Dynamic Queue Length Thresholds", 1998): the fuller the queue, the less for each, and
// whoever holds nothing always gets in while there is room.
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

// Counts bytes in cells that senders are hashed to, under a secret key. A sender has a cell in each
// of two rows, and holds what the lower one says: it pays for others only where both of its cells
// are others' too, and nobody can aim at that. Memory is fixed; nothing is allocated.
class FairShare {
 public:
  // Whom a record counts for: a source as a whole, and one sender there.
  struct Sender {
    uint64_t source_hash = 0;
    uint64_t sender_hash = 0;
  };
  // Goes with a record through the queue.
  struct Ticket {
    uint32_t bytes = 0;
    // Of the source and of the sender, in each row.
    std::array<uint16_t, 4> cells{};
  };

  Status Allocate(const SipKey& hash_key);

  // A source is an IPv4 address or an IPv6 /64, a sender there a 5-tuple.
  Sender SenderOf(const FiveTuple& tuple) const;
  // Something that is named by a number.
  Sender SenderOf(uint32_t number) const;

  // Producer. Whether so many bytes may be added where `free_bytes` are left; nothing is counted
  // before Take.
  bool Admits(const Sender& sender, uint32_t bytes, uint64_t free_bytes) const;
  // Producer.
  Ticket Take(const Sender& sender, uint32_t bytes);
  // Consumer, when the record has left the queue.
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
