// What the rig's payloads begin with. In host byte order: both ends run on one machine.
#pragma once

#include <cstdint>
#include <cstring>

namespace bench {

struct PayloadHead {
  uint64_t sequence;
  // CLOCK_REALTIME of the sender right before the system call that sent it.
  uint64_t sent_wall_ns;
  // Tells payloads of the rig from anything else.
  uint32_t magic;
  uint32_t flow;
};
static_assert(sizeof(PayloadHead) == 24);

inline constexpr uint32_t kPayloadMagic = 0x74706b31;

inline constexpr uint32_t kPayloadBytesMin = sizeof(PayloadHead);

// ChannelData's header (RFC 8656 section 12.4).
inline constexpr uint32_t kChannelHeadBytes = 4;

}  // namespace bench
