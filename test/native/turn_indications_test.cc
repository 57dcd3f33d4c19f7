#include "wire/turn_indications.h"

#include <gtest/gtest.h>

#include "support.h"
#include "wire/fingerprint.h"

namespace turnpike {
namespace {

using test::FromHex;
using test::ToTransportAddress;

// 192.0.2.1:32853 of RFC 5769 section 2.2, as XOR-PEER-ADDRESS.
const std::string kPeer = "001200080001a147e112a643";
const std::string kData = "0013000568656c6c6f000000";

// Returns a Send indication with the transaction id of RFC 5769 section 2.
std::vector<uint8_t> Send(const std::string& attributes) {
  char head[9];
  std::snprintf(head, sizeof(head), "0016%04zx", attributes.size() / 2);
  return FromHex(head + std::string("2112a442b7e7a701bc34d686fa87dfae") + attributes);
}

bool Read(const std::string& attributes, SendIndication* indication) {
  static std::vector<uint8_t> message;
  message = Send(attributes);
  EXPECT_EQ(ClassifyStun(message.data(), message.size()), StunKind::kRequestOrIndication);
  return ReadSendIndication(message.data(), message.size(), indication);
}

TEST(TurnIndications, AddressesAreThoseOfRfc5769) {
  SendIndication indication;
  ASSERT_TRUE(Read(kPeer + kData, &indication));
  EXPECT_EQ(indication.peer, ToTransportAddress("192.0.2.1:32853"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(indication.payload), 5), "hello");
  EXPECT_EQ(indication.payload_bytes, 5);
  EXPECT_FALSE(indication.dont_fragment);
  // RFC 5769 section 2.3.
  ASSERT_TRUE(Read("001200140002a1470113a9faa5d3f179bc25f4b5bed2b9d9" + kData, &indication));
  EXPECT_EQ(indication.peer, ToTransportAddress("[2001:db8:1234:5678:11:2233:4455:6677]:32853"));
}

TEST(TurnIndications, AMappedAddressIsTheIpv4Address) {
  SendIndication indication;
  // ::ffff:192.0.2.1 XOR the magic cookie and the transaction id.
  ASSERT_TRUE(Read("001200140002a1472112a442b7e7a701bc3429793a87ddaf" + kData, &indication));
  EXPECT_EQ(indication.peer, ToTransportAddress("192.0.2.1:32853"));
}

TEST(TurnIndications, OrderAndRepetitions) {
  SendIndication indication;
  ASSERT_TRUE(Read(kData + "001a0000" + kPeer, &indication));
  EXPECT_TRUE(indication.dont_fragment);
  // The first of each counts.
  ASSERT_TRUE(Read(kPeer + "001200080001a147e112a600" + kData + "0013000178000000", &indication));
  EXPECT_EQ(indication.peer, ToTransportAddress("192.0.2.1:32853"));
  EXPECT_EQ(indication.payload_bytes, 5);
  ASSERT_TRUE(Read(kPeer + "00130000", &indication));
  EXPECT_EQ(indication.payload_bytes, 0);
  ASSERT_TRUE(Read(kPeer + kData +
                       "802200027878"
                       "0000",
                   &indication));
}

TEST(TurnIndications, SignedOnesAreReadWithoutTheirSignature) {
  const std::string kUsername = "0006000461626364";
  const std::string kRealmAndNonce = "00140001780000000015000178000000";
  const std::string kIntegrity = "00080014" + std::string(40, '0');
  const std::string kSha256 = "001c0020" + std::string(64, '0');
  SendIndication indication;
  ASSERT_TRUE(Read(kPeer + kData + kUsername + kRealmAndNonce + kIntegrity, &indication));
  EXPECT_EQ(indication.payload_bytes, 5);
  ASSERT_TRUE(Read("001e0020" + std::string(64, '0') + "001d000400020000" + kPeer + kData + kSha256,
                   &indication));
  // What follows an integrity attribute does not count.
  ASSERT_TRUE(Read(kPeer + kData + kIntegrity + kSha256 + "001a0000" + "7abc0000", &indication));
  EXPECT_FALSE(indication.dont_fragment);
  EXPECT_FALSE(Read(kPeer + kIntegrity + kData, &indication));
  EXPECT_FALSE(Read(kPeer + kData + kIntegrity + "0013ffff", &indication));
}

TEST(TurnIndications, KnownAttributesThatDoNotBelongThereAreIgnored) {
  // Those of RFC 8489 and RFC 8656 below 0x8000.
  const int kTypes[] = {0x01, 0x06, 0x09, 0x0a, 0x0c, 0x0d, 0x14, 0x15,
                        0x16, 0x17, 0x18, 0x19, 0x1d, 0x1e, 0x20, 0x22};
  for (const int type : kTypes) {
    char attribute[17];
    std::snprintf(attribute, sizeof(attribute), "%04x000411000000", type);
    SendIndication indication;
    ASSERT_TRUE(Read(attribute + kPeer + kData, &indication)) << attribute;
    EXPECT_EQ(indication.payload_bytes, 5);
  }
}

// Returns a message with a FINGERPRINT after it.
std::vector<uint8_t> Fingerprinted(const std::string& attributes) {
  std::vector<uint8_t> message = Send(attributes + "8028000400000000");
  const size_t covered = message.size() - 8;
  const uint32_t value = FingerprintOf(message.data(), covered);
  for (int i = 0; i < 4; ++i) message[covered + 4 + i] = static_cast<uint8_t>(value >> 8 * (3 - i));
  return message;
}

TEST(TurnIndications, AFingerprintHasToBeRightAndLast) {
  const std::string kIntegrity = "00080014" + std::string(40, '0');
  for (const std::string& attributes : {kPeer + kData, kPeer + kData + kIntegrity}) {
    std::vector<uint8_t> message = Fingerprinted(attributes);
    SendIndication indication;
    EXPECT_TRUE(ReadSendIndication(message.data(), message.size(), &indication));
    EXPECT_EQ(indication.payload_bytes, 5);
    for (const size_t at : {size_t{8}, size_t{40}, message.size() - 1}) {
      message[at] ^= 1;
      EXPECT_FALSE(ReadSendIndication(message.data(), message.size(), &indication)) << at;
      message[at] ^= 1;
    }
  }
  const std::vector<uint8_t> bare = Fingerprinted(kPeer);
  SendIndication indication;
  EXPECT_FALSE(ReadSendIndication(bare.data(), bare.size(), &indication));
  EXPECT_FALSE(Read(kPeer + kData + "80280000", &indication));
  EXPECT_FALSE(Read(kPeer + "8028000400000000" + kData, &indication));
}

TEST(TurnIndications, MalformedOnesAreRefused) {
  const std::string kRefused[] = {
      "",
      kPeer,
      kData,
      // Of an unknown family, and of lengths that are not the family's.
      "001200080003a147e112a643" + kData,
      "001200080002a147e112a643" + kData,
      "001200140001a1470113a9faa5d3f179bc25f4b5bed2b9d9" + kData,
      "00120000" + kData,
      "001200040001a147" + kData,
      // A value, and its padding, beyond the end.
      kPeer + "00130005",
      kPeer + "0013000568656c6c",
      kPeer + "0013ffff68656c6c",
      // An attribute that a receiver must understand.
      kPeer + kData + "7abc0000",
      kPeer + kData + "00240000",
  };
  for (const std::string& attributes : kRefused) {
    SendIndication indication;
    EXPECT_FALSE(Read(attributes, &indication)) << attributes;
  }
}

TEST(TurnIndications, DataIndicationsReadAsTheyAreWritten) {
  for (const char* address : {"192.0.2.1:32853", "[2001:db8::1]:1"}) {
    const TransportAddress peer = ToTransportAddress(address);
    for (uint16_t length = 0; length <= 9; ++length) {
      const uint32_t head_bytes = DataIndicationHeadBytes(peer.ip.IsIpv4());
      const uint32_t padding_bytes = AttributePaddingBytes(length);
      // No byte more, so that a sanitizer detects a write out of bounds.
      std::vector<uint8_t> memory(head_bytes + length + padding_bytes, 0xee);
      const uint64_t random[2] = {1, 2};
      EXPECT_EQ(WrapInDataIndication(&memory[0] + head_bytes, length, peer, random), &memory[0]);
      EXPECT_EQ(ClassifyStun(memory.data(), memory.size()), StunKind::kRequestOrIndication);
      EXPECT_EQ(StunTypeOf(memory.data()), kDataIndication);
      SendIndication read;
      ASSERT_TRUE(ReadSendIndication(memory.data(), memory.size(), &read));
      EXPECT_EQ(read.peer, peer);
      EXPECT_EQ(read.payload, &memory[0] + head_bytes);
      EXPECT_EQ(read.payload_bytes, length);
      for (uint32_t i = 0; i < padding_bytes; ++i) EXPECT_EQ(memory[head_bytes + length + i], 0);
    }
  }
}

}  // namespace
}  // namespace turnpike
