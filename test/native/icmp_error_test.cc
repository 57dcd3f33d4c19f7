// ICMP errors as raw sockets give them (RFC 792, RFC 4443).
#include "wire/icmp_error.h"

#include <gtest/gtest.h>

#include <vector>

#include "support.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::FromHex;
using test::ToTransportAddress;

// From 198.51.100.1 to 192.0.2.1, quoting a UDP datagram from 192.0.2.1:50000 to 203.0.113.5:9.
const char kOuter4[] = "450000380000000040010000c6336401c0000201";
const char kQuoted4[] = "4500001d0001400040110000c0000201cb007105c350000900090000";
// Quoting a UDP datagram from [2001:db8::1]:50000 to [2001:db8::2]:9.
const char kQuoted6[] =
    "6000000000091140"
    "20010db8000000000000000000000001"
    "20010db8000000000000000000000002";
const char kPorts[] = "c350000900090000";

// Returns an IPv4 packet with an ICMP message, whose checksum is completed.
Bytes Packet4(const std::string& icmp, const std::string& outer = kOuter4) {
  Bytes packet = FromHex(outer + icmp);
  const size_t at = (packet[0] & 15u) * 4u;
  uint32_t sum = 0;
  for (size_t i = at; i < packet.size(); i += 2) {
    sum += static_cast<uint32_t>(packet[i]) << 8 | (i + 1 < packet.size() ? packet[i + 1] : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  packet[at + 2] = static_cast<uint8_t>(~sum >> 8);
  packet[at + 3] = static_cast<uint8_t>(~sum);
  return packet;
}

bool Read4(const Bytes& packet, IcmpError* error) {
  return ReadIcmpv4Error(packet.data(), packet.size(), error);
}
bool Read6(const std::string& hex, IcmpError* error) {
  const Bytes message = FromHex(hex);
  return ReadIcmpv6Error(message.data(), message.size(), error);
}

TEST(IcmpErrorReader, Ipv4ErrorsAreReadWithTheDatagramThatTheyQuote) {
  struct Case {
    const char* head;
    uint8_t type;
    uint8_t code;
    uint32_t info;
  };
  for (const Case& each :
       {Case{"0303000000000000", 3, 3, 0}, Case{"0304000000000578", 3, 4, 1400},
        Case{"0b00000011223344", 11, 0, 0}, Case{"0c00000014000000", 12, 0, 20}}) {
    IcmpError error;
    ASSERT_TRUE(Read4(Packet4(std::string(each.head) + kQuoted4), &error)) << each.head;
    EXPECT_EQ(error.type, each.type);
    EXPECT_EQ(error.code, each.code);
    EXPECT_EQ(error.info, each.info);
    EXPECT_EQ(error.local, ToTransportAddress("192.0.2.1:50000"));
    EXPECT_EQ(error.remote, ToTransportAddress("203.0.113.5:9"));
  }
}

TEST(IcmpErrorReader, Ipv6ErrorsAreReadWithTheDatagramThatTheyQuote) {
  IcmpError error;
  ASSERT_TRUE(Read6(std::string("0200000000000500") + kQuoted6 + kPorts, &error));
  EXPECT_EQ(error.type, 2);
  EXPECT_EQ(error.info, 1280u);
  EXPECT_EQ(error.local, ToTransportAddress("[2001:db8::1]:50000"));
  EXPECT_EQ(error.remote, ToTransportAddress("[2001:db8::2]:9"));
  std::string fragment = kQuoted6;
  fragment.replace(12, 2, "2c");
  EXPECT_TRUE(Read6("0104000000000000" + fragment + "1100000100000000" + kPorts, &error));
  EXPECT_EQ(error.code, 4);
  EXPECT_EQ(error.remote.port, 9);
}

TEST(IcmpErrorReader, WhatIsNoErrorAboutADatagramWithPortsIsRefused) {
  IcmpError error;
  const std::string whole = std::string("0303000000000000") + kQuoted4;
  // Too short, at every length that lacks a port.
  for (size_t bytes = 0; bytes < whole.size() / 2 - 4; ++bytes) {
    EXPECT_FALSE(Read4(Packet4(whole.substr(0, 2 * bytes) + (bytes < 4 ? "00000000" : "")), &error))
        << bytes;
  }
  Bytes wrong_checksum = Packet4(whole);
  wrong_checksum.back() ^= 1;
  EXPECT_FALSE(Read4(wrong_checksum, &error));
  for (const auto& [at, byte] : {std::pair{0, "00"},  // an echo reply
                                 {0, "04"},           // source quench
                                 {16, "65"},          // another version
                                 {16, "44"},          // a header of 16 bytes
                                 {28, "3f"},          // a later fragment
                                 {34, "06"}}) {       // TCP
    std::string changed = whole;
    changed.replace(static_cast<size_t>(at), 2, byte);
    EXPECT_FALSE(Read4(Packet4(changed), &error)) << at << " " << byte;
  }
  EXPECT_FALSE(Read4(Packet4(whole, "450000380000000040110000c6336401c0000201"), &error));
  const std::string six = std::string("0104000000000000") + kQuoted6 + kPorts;
  EXPECT_TRUE(Read6(six, &error));
  for (size_t bytes = 0; bytes < 52; ++bytes) {
    EXPECT_FALSE(Read6(six.substr(0, 2 * bytes), &error)) << bytes;
  }
  for (const auto& [at, byte] : {std::pair{0, "80"}, {0, "05"}, {16, "45"}, {28, "06"}}) {
    std::string changed = six;
    changed.replace(static_cast<size_t>(at), 2, byte);
    EXPECT_FALSE(Read6(changed, &error)) << at << " " << byte;
  }
  std::string fragment = kQuoted6;
  fragment.replace(12, 2, "2c");
  EXPECT_FALSE(Read6("0104000000000000" + fragment + "1100010100000000" + kPorts, &error));
}

}  // namespace
}  // namespace turnpike
