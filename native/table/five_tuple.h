// Addresses and 5-tuples as table keys: plain bytes without padding, compared and hashed as bytes.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "table/transport_handle.h"

namespace turnpike {

// An IP address. IPv4 addresses are IPv4-mapped (RFC 4291 section 2.5.5.2). All zero means none.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  static IpAddress FromIpv4(const uint8_t* four_bytes) {
    IpAddress ip;
    ip.bytes[10] = ip.bytes[11] = 0xff;
    std::memcpy(&ip.bytes[12], four_bytes, 4);
    return ip;
  }

  bool IsIpv4() const {
    static constexpr uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes.data(), kPrefix, sizeof(kPrefix)) == 0;
  }
  bool IsNone() const { return *this == IpAddress{}; }
  // Whether it is 0.0.0.0 or ::.
  bool IsWildcard() const {
    static constexpr uint8_t kZero[4] = {};
    return IsNone() || (IsIpv4() && std::memcmp(&bytes[12], kZero, sizeof(kZero)) == 0);
  }
  bool operator==(const IpAddress& other) const { return bytes == other.bytes; }
};

struct TransportAddress {
  IpAddress ip;
  // Host order.
  uint16_t port = 0;

  bool operator==(const TransportAddress& other) const {
    return ip == other.ip && port == other.port;
  }
};

// The 5-tuple of a datagram. The socket's handle stands for the local port and the transport.
struct FiveTuple {
  TransportAddress remote;
  // The local IP address if the socket is bound to a wildcard address, else none.
  IpAddress local;
  TransportHandle handle;

  bool operator==(const FiveTuple& other) const {
    return remote == other.remote && local == other.local && handle == other.handle;
  }
};

static_assert(std::has_unique_object_representations_v<FiveTuple>, "hashed as bytes");

}  // namespace turnpike
