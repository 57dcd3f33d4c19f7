// Identifies the local socket that received a datagram or is to send one. Handles are not reused: a
// socket that is opened later has another handle, even on the same port.
#pragma once

#include <cstdint>

#include "base/interface.h"

namespace turnpike {

enum class Transport : uint8_t { kNone = 0, kUdp = 1 };

// Two kinds of sockets have a handle. A listener is an address given at open, for which every
// worker has a socket: its id is its slot among the addresses of both sides, its worker is
// kEveryWorker, its generation is 0. Any other socket was opened by one worker while it runs: its
// id is a slot in that worker's table, and its generation counts the sockets that have had this
// slot.
//
// As a number it is less than 2^48, which JavaScript represents exactly. The layout is that of
// src/native/transport-handle.ts: transport (3 bits), worker (5), generation (24), id (16).
class TransportHandle {
 public:
  static constexpr uint8_t kEveryWorker = 31;
  static constexpr uint32_t kGenerationMask = 0xff'ffff;
  // Number of ids for listeners. The ids of other sockets follow.
  static constexpr uint16_t kListeners = 2 * kAddressesPerSideMax;

  // A handle of no socket.
  TransportHandle() = default;
  TransportHandle(Transport transport, uint8_t worker, uint32_t generation, uint16_t id)
      : words_{id, static_cast<uint16_t>(generation),
               static_cast<uint16_t>(static_cast<uint32_t>(transport) << 13 |
                                     static_cast<uint32_t>(worker) << 8 |
                                     (generation >> 16 & 0xff))} {}
  static TransportHandle OfListener(Side side, uint32_t index) {
    const uint32_t first = side == Side::kClient ? 0 : kAddressesPerSideMax;
    return {Transport::kUdp, kEveryWorker, 0, static_cast<uint16_t>(first + index)};
  }
  static TransportHandle FromNumber(uint64_t number) {
    TransportHandle handle;
    for (int i = 0; i < 3; ++i) handle.words_[i] = static_cast<uint16_t>(number >> 16 * i);
    return handle;
  }

  uint64_t ToNumber() const {
    return uint64_t{words_[2]} << 32 | uint64_t{words_[1]} << 16 | words_[0];
  }
  Transport transport() const { return static_cast<Transport>(words_[2] >> 13); }
  uint8_t worker() const { return words_[2] >> 8 & 31; }
  uint32_t generation() const { return (words_[2] & 0xffu) << 16 | words_[1]; }
  uint16_t id() const { return words_[0]; }

  bool IsListener() const { return words_[2] >> 8 == (1 << 5 | kEveryWorker) && id() < kListeners; }
  // For a listener: its side, and its index among the addresses of that side.
  Side side() const { return id() < kAddressesPerSideMax ? Side::kClient : Side::kTrunk; }
  uint16_t index() const { return id() % kAddressesPerSideMax; }

  bool operator==(const TransportHandle& other) const {
    return words_[0] == other.words_[0] && words_[1] == other.words_[1] &&
           words_[2] == other.words_[2];
  }

 private:
  // 16-bit words, so that FiveTuple has no padding.
  uint16_t words_[3]{};
};
static_assert(sizeof(TransportHandle) == 6);
static_assert(kWorkersMax <= TransportHandle::kEveryWorker);

}  // namespace turnpike
