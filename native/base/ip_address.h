// IP addresses, with and without a port: plain bytes without padding.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

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

}  // namespace turnpike
