// ICMP errors about UDP datagrams of this host, as raw sockets receive them: the part that the data
// plane reports.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ip_address.h"

namespace turnpike {

// An ICMP error about a UDP datagram.
struct IcmpError {
  // Source of the datagram; none where the kernel does not tell it.
  TransportAddress local;
  // Destination of the datagram.
  TransportAddress remote;
  // Of RFC 792 for IPv4 or RFC 4443 for IPv6.
  uint8_t type;
  uint8_t code;
  // The MTU, if the datagram was too long.
  uint32_t info;
};

// ICMP type of an unreachable destination (RFC 792).
inline constexpr uint8_t kIcmpUnreachable = 3;
// ICMP type of a time that is exceeded (RFC 792).
inline constexpr uint8_t kIcmpTimeExceeded = 11;
// ICMP type of a parameter problem (RFC 792).
inline constexpr uint8_t kIcmpParameterProblem = 12;
// First type of ICMPv6 errors that is assigned (RFC 4443 section 2.1).
inline constexpr uint8_t kIcmpv6ErrorFirst = 1;
// Last type of ICMPv6 errors that is assigned (RFC 4443 section 2.1).
inline constexpr uint8_t kIcmpv6ErrorLast = 4;

// Reads an IPv4 packet with an ICMP error (RFC 792, RFC 1812 section 4.3.2), and checks its ICMP
// checksum. Returns false if it is none, or not about a UDP datagram whose ports it quotes.
bool ReadIcmpv4Error(const uint8_t* packet, size_t length, IcmpError* error);

// Reads an ICMPv6 error message (RFC 4443 section 3), whose checksum the kernel has checked.
// Returns as ReadIcmpv4Error; datagrams with extension headers other than a fragment header are
// none.
bool ReadIcmpv6Error(const uint8_t* message, size_t length, IcmpError* error);

}  // namespace turnpike
