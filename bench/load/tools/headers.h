// Ethernet, IPv4 and UDP headers of prebuilt frames.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

using Mac = std::array<uint8_t, 6>;

// Parses six hex bytes separated by colons. Exits for any other text.
Mac ParseMac(const std::string& text);

// The MAC address of an interface of this namespace; ends the program when there is none.
Mac MacOf(const std::string& interface);

// Returns the address of client `number`. The port counts up; after `ports_per_address` ports the
// address counts up.
sockaddr_in NthSource(sockaddr_in first, uint64_t number, uint64_t ports_per_address);

inline constexpr size_t kEthernetBytes = 14;
inline constexpr size_t kIpv4Bytes = 20;
inline constexpr size_t kUdpBytes = 8;
inline constexpr size_t kUdpOffset = kEthernetBytes + kIpv4Bytes;
inline constexpr size_t kFrameHeadBytes = kUdpOffset + kUdpBytes;

// Addresses of a frame.
struct FrameHead {
  Mac source_mac;
  Mac destination_mac;
  sockaddr_in source;
  sockaddr_in destination;
};

// Writes the three headers in front of `payload_bytes` bytes of UDP payload. The UDP checksum field
// holds the pseudo-header sum, as the kernel expects for checksum offload.
void WriteHeaders(uint8_t* frame, const FrameHead& head, size_t payload_bytes);

// Completes the UDP checksum in software (RFC 768).
void CompleteUdpChecksum(uint8_t* frame, size_t payload_bytes);

}  // namespace bench
