// ChannelData (RFC 8656 section 12.4): channel number, length, data.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/byte_order.h"

namespace turnpike {

struct ChannelDataHeader {
  Be16 channel;
  Be16 payload_bytes;
};
static_assert(sizeof(ChannelDataHeader) == 4 && alignof(ChannelDataHeader) == 1);

// First channel number (RFC 8656 section 12).
inline constexpr uint16_t kChannelMin = 0x4000;
// Last channel number (RFC 8656 section 12).
inline constexpr uint16_t kChannelMax = 0x7fff;

inline bool IsChannel(uint16_t number) { return number >= kChannelMin && number <= kChannelMax; }

// Padding is allowed but not required over UDP. A sender pads to a multiple of four bytes.
inline constexpr size_t kChannelPaddingBytesMax = 3;

// Returns the header if the datagram is exactly one ChannelData message with optional padding, else
// null.
inline const ChannelDataHeader* ParseChannelData(const uint8_t* data, size_t length) {
  if (length < sizeof(ChannelDataHeader)) return nullptr;
  const ChannelDataHeader* header = reinterpret_cast<const ChannelDataHeader*>(data);
  const size_t rest = length - sizeof(ChannelDataHeader);
  const size_t payload_bytes = header->payload_bytes.Get();
  if (payload_bytes > rest || rest - payload_bytes > kChannelPaddingBytesMax) return nullptr;
  return header;
}

// Writes the header into the four bytes before `payload` and returns where the message starts.
inline uint8_t* PrependChannelData(uint8_t* payload, uint16_t channel, uint16_t payload_bytes) {
  uint8_t* start = payload - sizeof(ChannelDataHeader);
  ChannelDataHeader* header = reinterpret_cast<ChannelDataHeader*>(start);
  header->channel.Set(channel);
  header->payload_bytes.Set(payload_bytes);
  return start;
}

}  // namespace turnpike
