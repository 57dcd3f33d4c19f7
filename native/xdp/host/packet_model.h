// What is known of the packets of one socket while a rule is read that compares parts of them: our
// end and the protocol are, the other end may be anyone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "xdp/host/findings.h"

namespace turnpike {

// Bytes of a packet or of what the kernel knows of it, of which some are known.
struct KnownBytes {
  std::vector<uint8_t> value;
  std::vector<uint8_t> known;  // 0 or 0xff for each

  explicit KnownBytes(size_t length) : value(length), known(length) {}
  void Set(size_t offset, const uint8_t* bytes, size_t length) {
    for (size_t i = 0; i < length; ++i) {
      if (offset + i >= value.size()) return;
      value[offset + i] = bytes[i];
      known[offset + i] = 0xff;
    }
  }
};

// One of these values, whichever the packet has.
using Candidates = std::vector<KnownBytes>;

enum class PacketHeader { kNetwork, kTransport };

struct PacketModel {
  const HostSocket& socket;
  const HostScope& scope;
  // On its way to the socket, or from it.
  bool inward = true;
  // False where the packet may have any address and port, as before a translation.
  bool end_known = true;

  // A part of the packet's header.
  Candidates Part(PacketHeader header, size_t offset, size_t length) const;
  // The name of the device that it comes in or leaves by, as 16 bytes; and its index.
  Candidates DeviceNames() const;
  Candidates DeviceIndexes() const;
};

enum class Comparison { kEqual, kNotEqual, kLess, kAtMost, kAbove, kAtLeast };

// Whether a comparison of (value & mask) with `data` may hold for any of the candidates. An empty
// mask is all ones.
bool MayHold(const Candidates& candidates, const std::vector<uint8_t>& mask, Comparison comparison,
             const std::vector<uint8_t>& data);

}  // namespace turnpike
