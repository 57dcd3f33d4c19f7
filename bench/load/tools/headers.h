// Ethernet, IPv4 and UDP headers of prebuilt frames.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

using Mac = std::array<uint8_t, 6>;

// Six hex bytes with colons between them; ends the program for anything else.
Mac ParseMac(const std::string& text);

// The MAC address of an interface of this namespace; ends the program when there is none.
Mac MacOf(const std::string& interface);

// The address of the client with this number: ports count up, and after `ports_per_address` of
// them the address does.
sockaddr_in NthSource(sockaddr_in first, uint64_t number, uint64_t ports_per_address);

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
