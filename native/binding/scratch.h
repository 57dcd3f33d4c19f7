// Reads the fixed layouts that src/native/codec.ts writes: host byte order, no pointers. One buffer
// shared by both sides saves an object and its properties for each command.
#pragma once

#include <cstdint>

#include "io/controller.h"

namespace turnpike {

// Bytes of the shared buffer: the largest layout, that of a relay, fits.
inline constexpr uint32_t kScratchBytes = 2'048;
// Where a second 5-tuple starts.
inline constexpr uint32_t kSecondTupleOffset = 40;
// Bytes of one endpoint in a list of them.
inline constexpr uint32_t kTransportAddressBytes = 18;

FiveTuple ReadTuple(const uint8_t* bytes);
TransportAddress ReadTransportAddress(const uint8_t* bytes);

// Reads a relay: its path, then 16-bit counts of sources, send keys and receive keys, the most
// records of a datagram, its lane's offset, the longest bundle, the closed lanes (32 bits), the
// count of ways; then the lists. False when a count is over its bound.
bool ReadTrunkPeer(const uint8_t* scratch, TrunkPeerSpec* spec);

}  // namespace turnpike
