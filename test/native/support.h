// Conversions of addresses and bytes from text.
#pragma once

#include <arpa/inet.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "table/five_tuple.h"

namespace turnpike::test {

using Bytes = std::vector<uint8_t>;

// Parses hex such as `00ff`; `-` means no bytes.
inline Bytes FromHex(const std::string& text) {
  Bytes bytes;
  if (text == "-") return bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::strtoul(text.substr(i, 2).c_str(), nullptr, 16)));
  }
  return bytes;
}

inline std::string ToHex(const uint8_t* data, size_t length) {
  static const char* const kDigits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < length; ++i) {
    text += kDigits[data[i] >> 4];
    text += kDigits[data[i] & 15];
  }
  return length == 0 ? "-" : text;
}

// Parses `192.0.2.1:3478` or `[2001:db8::1]:3478`.
inline TransportAddress ToTransportAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string ip = text.substr(0, colon);
  TransportAddress endpoint;
  endpoint.port = static_cast<uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 10));
  if (ip.front() == '[') {
    ip = ip.substr(1, ip.size() - 2);
    if (inet_pton(AF_INET6, ip.c_str(), endpoint.ip.bytes.data()) != 1) std::abort();
  } else {
    uint8_t four_bytes[4];
    if (inet_pton(AF_INET, ip.c_str(), four_bytes) != 1) std::abort();
    endpoint.ip = IpAddress::FromIpv4(four_bytes);
  }
  return endpoint;
}

// Returns the 5-tuple of a listener, by its index and side.
inline FiveTuple ToTuple(uint16_t socket, const std::string& remote, Side side = Side::kClient) {
  FiveTuple tuple;
  tuple.remote = ToTransportAddress(remote);
  tuple.handle = TransportHandle::OfListener(side, socket);
  return tuple;
}

}  // namespace turnpike::test
