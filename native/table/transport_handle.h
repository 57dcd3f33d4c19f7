// Names the socket of ours that a datagram came by, or that one is to leave by. A name is given
// once: a socket that is opened later has another one, even on the same port.
#pragma once

#include <cstdint>

#include "base/interface.h"

namespace turnpike {

enum class Transport : uint8_t { kNone = 0, kUdp = 1 };

// Two kinds of sockets have one:
// - an address given at open, of which every worker has a socket (a listener): its id is its place
//   among the addresses of both sides, its worker is kEveryWorker, its generation 0;
// - a socket that one worker has opened while it runs: its id is a place in that worker's table,
//   and the generation counts the sockets that had the place.
//
// As a number it is below 2^48, so that JavaScript holds it exactly (src/native/transport-handle.ts
// has the same layout): transport (3 bits), worker (5), generation (24), id (16).
class TransportHandle {
 public:
  static constexpr uint8_t kEveryWorker = 31;
  static constexpr uint32_t kGenerationMask = 0xff'ffff;
  // Ids of listeners; those of other sockets follow.
  static constexpr uint16_t kListeners = 2 * kAddressesPerSideMax;

  // Names nothing.
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
  // Of a listener: its side, and its place among the addresses of that side.
  Side side() const { return id() < kAddressesPerSideMax ? Side::kClient : Side::kTrunk; }
  uint16_t index() const { return id() % kAddressesPerSideMax; }

  bool operator==(const TransportHandle& other) const {
    return words_[0] == other.words_[0] && words_[1] == other.words_[1] &&
           words_[2] == other.words_[2];
  }

 private:
  // 16-bit words, so that a 5-tuple has no padding.
  uint16_t words_[3]{};
};
static_assert(sizeof(TransportHandle) == 6);
static_assert(kWorkersMax <= TransportHandle::kEveryWorker);

}  // namespace turnpike
