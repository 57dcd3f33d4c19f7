// Demultiplexes datagrams on a shared port by their first byte (RFC 7983).
#pragma once

#include <cstddef>
#include <cstdint>

namespace turnpike {

enum class Protocol : uint8_t { kUnknown, kStun, kChannelData, kTrunk };

// On a client socket: STUN 0x00-0x03, ChannelData 0x40-0x7F. Clients of RFC 5766 use the channels
// above 0x4FFF, which RFC 8656 section 12 reserves.
inline Protocol DemuxClient(const uint8_t* data, size_t length) {
  if (length == 0) return Protocol::kUnknown;
  if (data[0] <= 0x03) return Protocol::kStun;
  return (data[0] & 0xc0) == 0x40 ? Protocol::kChannelData : Protocol::kUnknown;
}

// On a trunk socket: STUN 0x00-0x03, trunk data 0x10-0x1F (PROTOCOL.md section 3).
inline Protocol DemuxTrunk(const uint8_t* data, size_t length) {
  if (length == 0) return Protocol::kUnknown;
  if (data[0] <= 0x03) return Protocol::kStun;
  return (data[0] & 0xf0) == 0x10 ? Protocol::kTrunk : Protocol::kUnknown;
}

}  // namespace turnpike
