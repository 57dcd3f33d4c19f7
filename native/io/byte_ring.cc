#include "io/byte_ring.h"

#include <cstring>

namespace turnpike {

Status ByteRing::Allocate(uint32_t bytes) {
  uint64_t capacity = 4096;
  while (capacity < bytes) capacity *= 2;
  return bytes_.Allocate(capacity);
}

uint8_t* ByteRing::Reserve(uint32_t length, uint64_t fill_limit) {
  const uint64_t head = head_.load(std::memory_order_relaxed);
  const uint64_t to_end = bytes_.size() - Offset(head);
  // A record that does not fit before the end of the buffer starts at its beginning; the rest is
  // skipped.
  const uint64_t skipped = Padded(length) > to_end ? to_end : 0;
  const uint64_t next_head = head + skipped + Padded(length);
  if (next_head - known_tail_ > fill_limit) {
    known_tail_ = tail_.load(std::memory_order_acquire);
    if (next_head - known_tail_ > fill_limit) return nullptr;
  }
  if (skipped > 0) std::memcpy(&bytes_[Offset(head)], &kWrapMark, sizeof(kWrapMark));
  uint8_t* record = &bytes_[Offset(head + skipped)];
  std::memcpy(record, &length, sizeof(length));
  reserved_head_ = next_head;
  return record + kLengthBytes;
}

void ByteRing::Commit() { head_.store(reserved_head_, std::memory_order_seq_cst); }

uint64_t ByteRing::Free() const {
  return capacity() -
         (head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire));
}

ByteRing::Record ByteRing::Peek() {
  if (skipped_tail_ == head_.load(std::memory_order_acquire)) return {};
  std::memcpy(&peeked_length_, &bytes_[Offset(skipped_tail_)], sizeof(peeked_length_));
  if (peeked_length_ == kWrapMark) {
    skipped_tail_ += bytes_.size() - Offset(skipped_tail_);
    std::memcpy(&peeked_length_, &bytes_[0], sizeof(peeked_length_));
  }
  return Record{&bytes_[Offset(skipped_tail_) + kLengthBytes], peeked_length_};
}

bool ByteRing::Empty() const { return skipped_tail_ == head_.load(std::memory_order_seq_cst); }

}  // namespace turnpike
