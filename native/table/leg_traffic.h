// What one direction of a leg has carried: in memory that JavaScript reads, beside the tables and
// not in them. Each worker has cells of its own for every entry, so a cell has one writing thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace turnpike {

class LegTraffic {
 public:
  // Counts a packet at a monotonic second.
  void Add(uint64_t payload_bytes, uint64_t monotonic_second) {
    Add(1, payload_bytes, monotonic_second);
  }
  void Add(uint64_t packets, uint64_t payload_bytes, uint64_t monotonic_second) {
    const uint64_t counted = packets_and_second_.load(std::memory_order_relaxed) + packets;
    packets_and_second_.store((counted & kPacketsMask) | monotonic_second << kPacketsBits,
                              std::memory_order_relaxed);
    payload_bytes_.store(payload_bytes_.load(std::memory_order_relaxed) + payload_bytes,
                         std::memory_order_relaxed);
  }
  // Another leg counts here from now on.
  void Clear() {
    packets_and_second_.store(0, std::memory_order_relaxed);
    payload_bytes_.store(0, std::memory_order_relaxed);
  }

  uint64_t packets() const {
    return packets_and_second_.load(std::memory_order_relaxed) & kPacketsMask;
  }
  uint64_t payload_bytes() const { return payload_bytes_.load(std::memory_order_relaxed); }
  // The second of the newest packet, modulo 2^24; of no meaning without one.
  uint32_t last_second() const {
    return static_cast<uint32_t>(packets_and_second_.load(std::memory_order_relaxed) >>
                                 kPacketsBits);
  }

 private:
  // A packet changes one word of two: src/native/leg-counters.ts knows the layout.
  static constexpr int kPacketsBits = 40;
  static constexpr uint64_t kPacketsMask = (uint64_t{1} << kPacketsBits) - 1;

  std::atomic<uint64_t> packets_and_second_;
  std::atomic<uint64_t> payload_bytes_;
};
static_assert(sizeof(LegTraffic) == 16 && std::atomic<uint64_t>::is_always_lock_free);

// The cells of one worker: by the number of a flow's entry, and by the place of a session.
struct LegCounters {
  LegTraffic* flows = nullptr;
  LegTraffic* sessions = nullptr;
};

}  // namespace turnpike
