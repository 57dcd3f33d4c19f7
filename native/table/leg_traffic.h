// Traffic of one direction of a leg. One thread writes, any thread may read. Traffic from a peer is
// counted in its flow's entry, which a packet reads anyway. Traffic to a peer is counted in memory
// that JavaScript reads, with a cell per worker and session.
#pragma once

#include <cstdint>

#include "base/interface.h"

namespace turnpike {

// Plain words with atomic loads and stores, because table entries must be copyable.
class LegTraffic {
 public:
  // Counts a packet at a monotonic second.
  void Add(uint64_t payload_bytes, uint64_t monotonic_second) {
    Add(1, payload_bytes, monotonic_second);
  }
  void Add(uint64_t packets, uint64_t payload_bytes, uint64_t monotonic_second) {
    const uint64_t counted = Load(packets_and_second_) + packets;
    Store(&packets_and_second_, (counted & kPacketsMask) | monotonic_second << kPacketsBits);
    Store(&payload_bytes_, Load(payload_bytes_) + payload_bytes);
  }
  // Resets the counters for another leg.
  void Clear() {
    Store(&packets_and_second_, 0);
    Store(&payload_bytes_, 0);
  }

  uint64_t packets() const { return Load(packets_and_second_) & kPacketsMask; }
  uint64_t payload_bytes() const { return Load(payload_bytes_); }
  // Monotonic second of the newest packet, modulo 2^24; meaningless if there was none.
  uint32_t last_second() const {
    return static_cast<uint32_t>(Load(packets_and_second_) >> kPacketsBits);
  }

 private:
  // Packets and second share a word, so that a packet writes two words instead of three.
  static constexpr int kPacketsBits = kLegPacketsBits;
  static constexpr uint64_t kPacketsMask = (uint64_t{1} << kPacketsBits) - 1;

  static uint64_t Load(const uint64_t& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }
  static void Store(uint64_t* word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
  }

  uint64_t packets_and_second_ = 0;
  uint64_t payload_bytes_ = 0;
};

}  // namespace turnpike
