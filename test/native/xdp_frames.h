// Builds and parses Ethernet frames.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "support.h"

namespace turnpike::test {

constexpr uint8_t kRelayMac[6] = {2, 0, 0, 0, 0, 1};
constexpr uint8_t kNeighbourMac[6] = {2, 0, 0, 0, 0, 2};

inline void Put16(Bytes* bytes, uint32_t value) {
  bytes->push_back(static_cast<uint8_t>(value >> 8));
  bytes->push_back(static_cast<uint8_t>(value));
}

inline uint16_t Get16(const Bytes& bytes, size_t offset) {
  return static_cast<uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

// RFC 1071 in its simplest form, to check the optimized one.
inline uint16_t InternetSum(const uint8_t* data, size_t length, uint32_t sum = 0) {
  for (size_t i = 0; i < length; ++i) sum += i % 2 == 0 ? data[i] << 8 : data[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// Returns the sum of a UDP datagram with its pseudo-header: 0xffff if the checksum is correct.
inline uint16_t UdpSum(const uint8_t* ip) {
  const bool ipv4 = ip[0] >> 4 == 4;
  const uint8_t* udp = ip + (ipv4 ? 20 : 40);
  const uint32_t length = static_cast<uint32_t>(udp[4] << 8 | udp[5]);
  const uint16_t addresses = InternetSum(ipv4 ? ip + 12 : ip + 8, ipv4 ? 8 : 32);
  return InternetSum(udp, length, addresses + 17u + length);
}

inline void AppendIp(Bytes* frame, const TransportAddress& from, const TransportAddress& to,
                     size_t udp_bytes) {
  const size_t start = frame->size();
  if (from.ip.IsIpv4()) {
    Put16(frame, 0x4500);
    Put16(frame, static_cast<uint32_t>(20 + udp_bytes));
    Put16(frame, 0x1234);
    Put16(frame, 0x4000);
    Put16(frame, 57 << 8 | 17);
    Put16(frame, 0);
    frame->insert(frame->end(), from.ip.bytes.begin() + 12, from.ip.bytes.end());
    frame->insert(frame->end(), to.ip.bytes.begin() + 12, to.ip.bytes.end());
    const uint16_t sum = static_cast<uint16_t>(~InternetSum(frame->data() + start, 20));
    (*frame)[start + 10] = static_cast<uint8_t>(sum >> 8);
    (*frame)[start + 11] = static_cast<uint8_t>(sum);
    return;
  }
  Put16(frame, 0x6000);
  Put16(frame, 0);
  Put16(frame, static_cast<uint32_t>(udp_bytes));
  Put16(frame, 17 << 8 | 57);
  frame->insert(frame->end(), from.ip.bytes.begin(), from.ip.bytes.end());
  frame->insert(frame->end(), to.ip.bytes.begin(), to.ip.bytes.end());
}

// Returns a frame to the relay. Both addresses are of one family.
inline Bytes MakeFrame(const TransportAddress& from, const TransportAddress& to,
                       const Bytes& payload) {
  Bytes frame(kRelayMac, kRelayMac + 6);
  frame.insert(frame.end(), kNeighbourMac, kNeighbourMac + 6);
  Put16(&frame, from.ip.IsIpv4() ? 0x0800 : 0x86dd);
  AppendIp(&frame, from, to, 8 + payload.size());
  const size_t udp = frame.size();
  Put16(&frame, from.port);
  Put16(&frame, to.port);
  Put16(&frame, static_cast<uint32_t>(8 + payload.size()));
  Put16(&frame, 0);
  frame.insert(frame.end(), payload.begin(), payload.end());
  uint16_t sum = static_cast<uint16_t>(~UdpSum(frame.data() + 14));
  if (sum == 0) sum = 0xffff;
  frame[udp + 6] = static_cast<uint8_t>(sum >> 8);
  frame[udp + 7] = static_cast<uint8_t>(sum);
  return frame;
}

// Sets the TTL or hop limit, and the octet of DSCP and ECN. The checksum of an IPv4 header is no
// longer right then, which the program does not check.
inline Bytes WithIpFields(Bytes frame, uint8_t hop_limit, uint8_t service) {
  if (Get16(frame, 12) == 0x0800) {
    frame[15] = service;
    frame[22] = hop_limit;
  } else {
    frame[14] = static_cast<uint8_t>(0x60 | service >> 4);
    frame[15] = static_cast<uint8_t>(service << 4);
    frame[21] = hop_limit;
  }
  return frame;
}

// A frame as parsed by a receiver.
struct Received {
  // Empty if all checks pass, else the failed check.
  std::string fault;
  TransportAddress from;
  TransportAddress to;
  uint8_t hop_limit = 0;
  uint8_t service = 0;
  bool dont_fragment = false;
  Bytes payload;
};

inline Received ReadFrame(const Bytes& frame) {
  Received received;
  const auto wrong = [&received](const char* what) {
    received.fault = what;
    return received;
  };
  if (frame.size() < 42) return wrong("too short");
  const bool ipv4 = Get16(frame, 12) == 0x0800;
  const uint8_t* ip = frame.data() + 14;
  const size_t ip_bytes = ipv4 ? 20 : 40;
  if (frame.size() < 14 + ip_bytes + 8) return wrong("too short");
  if (ip[0] >> 4 != (ipv4 ? 4 : 6)) return wrong("version");
  if (ipv4 && InternetSum(ip, 20) != 0xffff) return wrong("IP checksum");
  const size_t length = ipv4 ? Get16(frame, 16) : Get16(frame, 18) + 40u;
  if (length + 14 != frame.size()) return wrong("IP length");
  const size_t udp = 14 + ip_bytes;
  if (Get16(frame, udp + 4) != length - ip_bytes) return wrong("UDP length");
  if (Get16(frame, udp + 6) == 0) return wrong("no UDP checksum");
  if (UdpSum(ip) != 0xffff) received.fault = "UDP checksum";
  if (ipv4) {
    received.from.ip = IpAddress::FromIpv4(ip + 12);
    received.to.ip = IpAddress::FromIpv4(ip + 16);
  } else {
    std::memcpy(received.from.ip.bytes.data(), ip + 8, 16);
    std::memcpy(received.to.ip.bytes.data(), ip + 24, 16);
  }
  received.from.port = Get16(frame, udp);
  received.to.port = Get16(frame, udp + 2);
  received.hop_limit = ip[ipv4 ? 8 : 7];
  received.service = ipv4 ? ip[1] : static_cast<uint8_t>(ip[0] << 4 | ip[1] >> 4);
  received.dont_fragment = ipv4 && (ip[6] & 0x40) != 0;
  received.payload.assign(frame.begin() + static_cast<std::ptrdiff_t>(udp) + 8, frame.end());
  return received;
}

}  // namespace turnpike::test
