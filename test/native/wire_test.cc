#include <gtest/gtest.h>

#include "support.h"
#include "wire/channel_data.h"
#include "wire/demux.h"
#include "wire/stun_header.h"
#include "wire/trunk_datagram.h"

namespace turnpike {
namespace {

using test::FromHex;

TEST(Wire, ByteOrder) {
  const auto bytes = FromHex("0102030405060708");
  EXPECT_EQ(reinterpret_cast<const Be16*>(bytes.data())->Get(), 0x0102);
  EXPECT_EQ(reinterpret_cast<const Be32*>(bytes.data())->Get(), 0x01020304u);
  EXPECT_EQ(reinterpret_cast<const Be64*>(bytes.data())->Get(), 0x0102030405060708u);
  Be64 value(0xfffefdfcfbfaf9f8);
  EXPECT_EQ(test::ToHex(reinterpret_cast<const uint8_t*>(&value), 8),
            std::string("fffefdfcfbfaf9f8"));
}

TEST(Wire, DemuxOfEveryFirstByte) {
  for (int first = 0; first < 256; ++first) {
    const uint8_t byte = static_cast<uint8_t>(first);
    const bool stun = first <= 3;
    const bool channel = first >= 0x40 && first <= 0x7f;
    const bool trunk = first >= 0x10 && first <= 0x1f;
    EXPECT_EQ(DemuxClient(&byte, 1), stun      ? Protocol::kStun
                                     : channel ? Protocol::kChannelData
                                               : Protocol::kUnknown);
    EXPECT_EQ(DemuxTrunk(&byte, 1), stun    ? Protocol::kStun
                                    : trunk ? Protocol::kTrunk
                                            : Protocol::kUnknown);
  }
}

TEST(Wire, StunClasses) {
  auto message = FromHex("000100002112a4420102030405060708090a0b0c");
  const struct {
    uint8_t high, low;
    StunKind kind;
  } types[] = {{0x00, 0x01, StunKind::kRequestOrIndication},
               {0x00, 0x11, StunKind::kRequestOrIndication},
               {0x01, 0x01, StunKind::kResponse},
               {0x01, 0x11, StunKind::kResponse},
               {0x3e, 0xef, StunKind::kRequestOrIndication}};
  for (const auto& type : types) {
    message[0] = type.high;
    message[1] = type.low;
    EXPECT_EQ(ClassifyStun(message.data(), message.size()), type.kind);
  }
  for (size_t length = 0; length < message.size(); ++length) {
    EXPECT_EQ(ClassifyStun(message.data(), length), StunKind::kMalformed);
  }
}

TEST(Wire, ChannelDataLengths) {
  const auto message = FromHex("40000002aabbccddee");
  for (size_t length = 0; length <= message.size(); ++length) {
    const bool whole = length >= 6;
    EXPECT_EQ(ParseChannelData(message.data(), length) != nullptr, whole && length <= 9);
  }
  const auto padded = FromHex("40000002aabbccddeeff");
  EXPECT_TRUE(ParseChannelData(padded.data(), padded.size()) == nullptr);
}

TEST(Wire, RecordsFillExactly) {
  std::vector<uint8_t> datagram(20, 0x11);
  const auto append = [&](const char* text) {
    const auto bytes = FromHex(text);
    datagram.insert(datagram.end(), bytes.begin(), bytes.end());
  };
  EXPECT_FALSE(RecordsFill(datagram.data(), datagram.size()));
  append("0000000700020000aabb");
  EXPECT_TRUE(RecordsFill(datagram.data(), datagram.size()));
  append("0000000700000000");
  append("0000000700010000cc");
  for (size_t length = 0; length <= datagram.size(); ++length) {
    const bool boundary = length == 30 || length == 38 || length == 47;
    EXPECT_EQ(RecordsFill(datagram.data(), length), boundary);
  }
  RecordCursor records(datagram.data(), datagram.size());
  for (int payload_bytes : {2, 0, 1}) EXPECT_EQ(records.Next()->payload_bytes.Get(), payload_bytes);
  EXPECT_TRUE(records.Next() == nullptr);
}

// The vectors of PROTOCOL.md section 7.
TEST(Wire, PathProbesMatchTheProtocolsVectors) {
  const auto key_bytes = FromHex("b061b39e3bbaae73e8f5b0764d95dc90");
  const SipKey key = SipKey::FromBytes(key_bytes.data());
  for (const char* text :
       {"147001456b02a10000000007e907600de4c70fb10102030405060708deadbeef01000024",
        "157101456b02a1000000000769abc791c20cec600102030405060708deadbeef02000024"}) {
    const auto datagram = FromHex(text);
    EXPECT_EQ(datagram.size(), kPathProbeBytes);
    EXPECT_TRUE(ProbeFills(datagram.data(), datagram.size()));
    EXPECT_FALSE(ProbeFills(datagram.data(), datagram.size() - 1));
    const auto* header = reinterpret_cast<const TrunkHeader*>(datagram.data());
    EXPECT_EQ(ProbeTag(key, datagram.data()), LoadLe64(header->tag));
  }
}

TEST(Wire, LengthsOfProbes) {
  std::vector<uint8_t> datagram(200, 0);
  for (const auto& [type, length_wanted] :
       {std::pair<int, size_t>{2, 32}, {3, 32}, {4, 100}, {5, 36}}) {
    datagram[0] = static_cast<uint8_t>(0x10 | type);
    datagram[35] = 100;
    for (size_t length = 0; length <= datagram.size(); ++length) {
      EXPECT_EQ(ProbeFills(datagram.data(), length), length == length_wanted);
    }
  }
  PathProbeBody body{};
  for (int heard = 0; heard < 256; ++heard) {
    body.heard = static_cast<uint8_t>(heard);
    EXPECT_EQ(body.WhatIsHeard(), heard <= 2 ? static_cast<Heard>(heard) : Heard::kUnknown);
  }
}

}  // namespace
}  // namespace turnpike
