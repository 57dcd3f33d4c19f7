// What is known about the packets of one socket when a rule compares parts of them: the local end
// and the protocol are known, the remote end is not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "xdp/host/findings.h"

namespace turnpike {

// Bytes of a packet or of its metadata, some of which are known.
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

// Possible values; the packet has one of them.
using Candidates = std::vector<KnownBytes>;

enum class PacketHeader { kNetwork, kTransport };

struct PacketModel {
  const HostSocket& socket;
  const HostScope& scope;
  // Whether the packet is received by the socket, else sent by it.
  bool inward = true;
  // False if the packet may have any local address and port, as before a translation.
  bool end_known = true;

  // Returns the possible values of a part of a header.
  Candidates Part(PacketHeader header, size_t offset, size_t length) const;
  // Possible names, as 16 bytes, and indexes of the device that receives or sends the packet.
  Candidates DeviceNames() const;
  Candidates DeviceIndexes() const;
};

enum class Comparison { kEqual, kNotEqual, kLess, kAtMost, kAbove, kAtLeast };

// Returns whether a comparison of (value & mask) with `data` may hold for any candidate. An empty
// mask is all ones.
bool MayHold(const Candidates& candidates, const std::vector<uint8_t>& mask, Comparison comparison,
             const std::vector<uint8_t>& data);

}  // namespace turnpike
