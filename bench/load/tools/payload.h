// The head of the bench's payloads, in host byte order because sender and receiver are on one
// machine.
#pragma once

#include <cstdint>
#include <cstring>

namespace bench {

struct PayloadHead {
  uint64_t sequence;
  // CLOCK_REALTIME of the sender in ns, right before the send system call.
  uint64_t sent_wall_ns;
  // Distinguishes payloads of the bench from other data.
  uint32_t magic;
  uint32_t flow;
};
static_assert(sizeof(PayloadHead) == 24);

inline constexpr uint32_t kPayloadMagic = 0x74706b31;

inline constexpr uint32_t kPayloadBytesMin = sizeof(PayloadHead);

// Length of a ChannelData header (RFC 8656 section 12.4).
inline constexpr uint32_t kChannelHeadBytes = 4;

}  // namespace bench
