// A bounded queue of byte records between two threads: one produces, one consumes, nobody waits.
// Punted datagrams go up through one, control datagrams down through another.
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

  // Rounds `bytes` up to a power of two. A record may take up to half of it.
  Status Allocate(uint32_t bytes);

  // Producer. Room for one record of `length` bytes, in one piece, or null when that would fill
  // more than `fill_limit` bytes. Written, it is passed on by Commit.
  uint8_t* Reserve(uint32_t length, uint64_t fill_limit);
  uint8_t* Reserve(uint32_t length) { return Reserve(length, capacity()); }
  void Commit();
  // Producer. Bytes that are not taken; an old look at the consumer may make it less.
  uint64_t Free() const;

  // Consumer. The oldest record that was not skipped, or null data. Its bytes stay until Pop.
  Record Peek();
  // Consumer. Passes over the record that Peek returned.
  void Skip() { skipped_tail_ += Padded(peeked_length_); }
  // Consumer. Gives the room of every skipped record back to the producer.
  void Pop() { tail_.store(skipped_tail_, std::memory_order_release); }
  // Consumer. Whether a record waits; sequentially consistent, so that it may decide about sleep.
  bool Empty() const;

  uint64_t capacity() const { return bytes_.size(); }

 private:
  static constexpr uint32_t kLengthBytes = 8;
  static constexpr uint32_t kWrapMark = 0xffffffff;

  static uint64_t Padded(uint32_t length) { return kLengthBytes + ((length + 7ull) & ~7ull); }
  uint64_t Offset(uint64_t position) const { return position & (bytes_.size() - 1); }

  MappedArray<uint8_t> bytes_;
  // Positions only grow. Each is written by one side; apart, so that the sides do not share lines.
  alignas(64) std::atomic<uint64_t> head_{0};
  uint64_t reserved_head_ = 0;
  uint64_t known_tail_ = 0;
  alignas(64) std::atomic<uint64_t> tail_{0};
  uint64_t skipped_tail_ = 0;
  uint32_t peeked_length_ = 0;
};

}  // namespace turnpike
