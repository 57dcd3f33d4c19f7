// Ethernet, IPv4 and UDP headers of prebuilt frames.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace bench {

using Mac = std::array<uint8_t, 6>;

inline constexpr size_t kEthernetBytes = 14;
inline constexpr size_t kIpv4Bytes = 20;
inline constexpr size_t kUdpBytes = 8;
inline constexpr size_t kUdpOffset = kEthernetBytes + kIpv4Bytes;
inline constexpr size_t kFrameHeadBytes = kUdpOffset + kUdpBytes;

// What a frame is addressed with.
struct FrameHead {
  Mac source_mac;
  Mac destination_mac;
  sockaddr_in source;
  sockaddr_in destination;
};

// Writes the three headers in front of `payload_bytes` bytes of UDP payload. The UDP checksum is
// left as the sum of the pseudo-header, which is what the kernel expects of a frame whose checksum
// is still to be completed.
void WriteHeaders(uint8_t* frame, const FrameHead& head, size_t payload_bytes);

// Completes the UDP checksum in software, as RFC 768 defines it.
void CompleteUdpChecksum(uint8_t* frame, size_t payload_bytes);

}  // namespace bench
