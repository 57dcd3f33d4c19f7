// A bounded lock-free queue of byte records with one producer thread and one consumer thread.
// Carries punted datagrams to the controlling thread and control datagrams to a worker.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/mapped_array.h"

namespace turnpike {

class ByteRing {
 public:
  struct Record {
    uint8_t* data = nullptr;
    uint32_t length = 0;
  };

  // Rounds `bytes` up to a power of two. A record may be up to half of it.
  Status Allocate(uint32_t bytes);

  // Producer: returns contiguous room for a record of `length` bytes, or null if more than
  // `fill_limit` bytes would be used. Commit passes the written record on.
  uint8_t* Reserve(uint32_t length, uint64_t fill_limit);
  uint8_t* Reserve(uint32_t length) { return Reserve(length, capacity()); }
  void Commit();
  // Producer: returns the number of free bytes, or fewer if the consumer has just freed some.
  uint64_t Free() const;

  // Consumer: returns the oldest record that was not skipped; its data is null if there is none.
  // The bytes stay valid until Pop.
  Record Peek();
  // Consumer: skips the record that Peek returned.
  void Skip() { skipped_tail_ += Padded(peeked_length_); }
  // Consumer: frees the room of all skipped records.
  void Pop() { tail_.store(skipped_tail_, std::memory_order_release); }
  // Consumer: returns whether no record waits. Sequentially consistent, so that the consumer may
  // sleep on the result.
  bool Empty() const;

  uint64_t capacity() const { return bytes_.size(); }

 private:
  static constexpr uint32_t kLengthBytes = 8;
  static constexpr uint32_t kWrapMark = 0xffffffff;

  static uint64_t Padded(uint32_t length) { return kLengthBytes + ((length + 7ull) & ~7ull); }
  uint64_t Offset(uint64_t position) const { return position & (bytes_.size() - 1); }

  MappedArray<uint8_t> bytes_;
  // Positions only grow. Each is written by one side and lies in that side's cache line.
  alignas(64) std::atomic<uint64_t> head_{0};
  uint64_t reserved_head_ = 0;
  uint64_t known_tail_ = 0;
  alignas(64) std::atomic<uint64_t> tail_{0};
  uint64_t skipped_tail_ = 0;
  uint32_t peeked_length_ = 0;
};

}  // namespace turnpike
