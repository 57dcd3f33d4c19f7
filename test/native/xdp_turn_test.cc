// The fast path for channels of TURN allocations (RFC 8656), frame by frame.
#include <gtest/gtest.h>

#include "xdp_scene.h"

namespace turnpike::test {
namespace {

const Bytes kData{'d', 'a', 't', 'a', '!'};

void ExpectPassed(XdpPath& path, const Bytes& frame) {
  const Passage passage = path.Run(frame);
  EXPECT_EQ(passage.action, static_cast<int>(XDP_PASS));
  EXPECT_TRUE(passage.frame == frame);
}

// Every mix of the families of client and peer.
template <typename Check>
void ForEachMix(Check check) {
  for (const bool client_ipv6 : {false, true}) {
    for (const bool peer_ipv6 : {false, true}) {
      UserPath path;
      XdpScene scene(path);
      if (client_ipv6) {
        scene.client = ToTransportAddress("[2001:db8::7]:40000");
        scene.service = ToTransportAddress("[2001:db8::1]:3478");
      }
      if (peer_ipv6) {
        scene.relayed = ToTransportAddress("[2001:db8::1]:50000");
        scene.peer = ToTransportAddress("[2001:db8:5::9]:6000");
      }
      scene.PutChannel();
      check(path, scene);
    }
  }
}

TEST(XdpTurn, ChannelDataAndPeersDataAreConverted) {
  ForEachMix([](UserPath& path, const XdpScene& scene) {
    const Received out = ReadFrame(path.Run(scene.FromClientToPeer(kData)).frame);
    EXPECT_EQ(out.fault, std::string());
    EXPECT_TRUE(out.payload == kData);
    EXPECT_TRUE(out.to == scene.peer && out.from == scene.relayed);
    // A peer's datagrams may have any content.
    for (const Bytes& bytes :
         {kData, Bytes{}, Bytes{1}, scene.ChannelData(0x4000, kData), scene.Trunk(1, kData),
          scene.ChannelData(XdpScene::kTurnChannel, kData), Bytes{0x40, 0, 0, 9},
          Bytes{0x40, 0, 0, 1, 2, 0, 0}}) {
      const Received in = ReadFrame(path.Run(scene.FromPeer(bytes)).frame);
      EXPECT_EQ(in.fault, std::string());
      EXPECT_TRUE(in.payload == scene.ChannelData(XdpScene::kTurnChannel, bytes));
      EXPECT_TRUE(in.to == scene.client && in.from == scene.service);
    }
    EXPECT_EQ(path.Count(TP_COUNT_CLIENT_TO_PEER), 1u);
    EXPECT_EQ(path.Count(TP_COUNT_PEER_TO_CLIENT), 8u);
  });
}

TEST(XdpTurn, ThePaddingOfChannelDataIsNotForwarded) {
  ForEachMix([](UserPath& path, const XdpScene& scene) {
    for (size_t length = 0; length < 70; ++length) {
      for (size_t padding = 0; padding <= 3; ++padding) {
        const Bytes data(length, static_cast<uint8_t>(0x91 + length));
        const Received out = ReadFrame(path.Run(scene.FromClientToPeer(data, padding)).frame);
        EXPECT_EQ(out.fault, std::string());
        EXPECT_TRUE(out.payload == data);
      }
    }
    // With Ethernet padding behind it.
    Bytes frame = scene.FromClientToPeer({1}, 3);
    frame.resize(frame.size() + 5, 0xdd);
    const Received out = ReadFrame(path.Run(frame).frame);
    EXPECT_EQ(out.fault, std::string());
    EXPECT_TRUE(out.payload == Bytes{1});
    // Not one ChannelData message (RFC 8656 section 12.5).
    ExpectPassed(path, scene.FromClientToPeer(kData, 4));
    Bytes longer = scene.ChannelData(XdpScene::kTurnChannel, kData);
    longer.pop_back();
    ExpectPassed(path, MakeFrame(scene.client, scene.service, longer));
  });
}

TEST(XdpTurn, AWrongChecksumStaysWrongWithoutThePadding) {
  UserPath path;
  XdpScene scene(path);
  scene.PutChannel();
  for (const size_t back : {1, 2, 5}) {
    Bytes frame = scene.FromClientToPeer(kData, 3);
    frame[frame.size() - back] ^= 0x10;
    EXPECT_EQ(ReadFrame(path.Run(frame).frame).fault, std::string("UDP checksum"));
  }
}

TEST(XdpTurn, TtlAndMarksAreCarriedOver) {
  ForEachMix([](UserPath& path, const XdpScene& scene) {
    for (const uint8_t hops : {2, 64, 255}) {
      for (const uint8_t service : {0, 1, 2, 3, 0xb8, 0xbb, 0xff}) {
        for (const Bytes& frame : {scene.FromClientToPeer(kData), scene.FromPeer(kData)}) {
          const Received sent = ReadFrame(path.Run(WithIpFields(frame, hops, service)).frame);
          EXPECT_EQ(sent.fault, std::string());
          EXPECT_EQ(sent.hop_limit, hops - 1);
          EXPECT_EQ(sent.service, service);
          EXPECT_FALSE(sent.dont_fragment);
        }
      }
    }
    // What would leave with 0 hops does not leave by the program.
    for (const uint8_t hops : {0, 1}) {
      ExpectPassed(path, WithIpFields(scene.FromClientToPeer(kData), hops, 0));
      ExpectPassed(path, WithIpFields(scene.FromPeer(kData), hops, 0));
    }
  });
}

TEST(XdpTurn, OtherTrafficLeavesWithoutMarks) {
  UserPath path;
  XdpScene scene(path);
  for (const Bytes& frame : {scene.FromClient(kData), scene.FromRelay(1, kData)}) {
    const Received sent = ReadFrame(path.Run(WithIpFields(frame, 9, 0xbb)).frame);
    EXPECT_EQ(sent.fault, std::string());
    EXPECT_EQ(sent.hop_limit, TP_HOP_LIMIT);
    EXPECT_EQ(sent.service, 0);
  }
}

TEST(XdpTurn, WhatDoesNotFitThePathIsPassedUp) {
  ForEachMix([](UserPath& path, const XdpScene& scene) {
    const size_t to_peer = 1'500u - 8 - (scene.peer.ip.IsIpv4() ? 20 : 40);
    EXPECT_EQ(path.Run(scene.FromClientToPeer(Bytes(to_peer), 1)).action, static_cast<int>(XDP_TX));
    ExpectPassed(path, scene.FromClientToPeer(Bytes(to_peer + 1)));
    const size_t to_client = 1'500u - 8 - 4 - (scene.client.ip.IsIpv4() ? 20 : 40);
    EXPECT_EQ(path.Run(scene.FromPeer(Bytes(to_client))).action, static_cast<int>(XDP_TX));
    ExpectPassed(path, scene.FromPeer(Bytes(to_client + 1)));
  });
}

TEST(XdpTurn, ARelayedAddressThatIsLeftOutIsPassedUpBothWays) {
  UserPath path;
  XdpScene scene(path);
  scene.PutChannel();
  path.LeaveOut(uint64_t{1} << TP_RELAYED_FIRST);
  ExpectPassed(path, scene.FromClientToPeer(kData));
  ExpectPassed(path, scene.FromPeer(kData));
  path.LeaveOut(uint64_t{1} << (TP_RELAYED_FIRST + 1));
  EXPECT_EQ(path.Run(scene.FromPeer(kData)).action, static_cast<int>(XDP_TX));
}

// The buckets of a path, with a rate for those of its channel.
struct Bounded {
  Bounded(XdpPath& path, uint64_t bytes_per_second) {
    if (!buckets.Allocate(3).ok()) std::abort();
    buckets.Share(path.SharedBuckets());
    buckets.SetRate(XdpScene::kBucket, bytes_per_second);
    path.SetAnyBounded(buckets.any_bounded());
  }

  BandwidthBuckets buckets;
};

TEST(XdpTurn, BothWaysTakeFromOneBucketWithTheWorkersAndGainItsRate) {
  constexpr uint64_t kStartNs = 5'000 * kNsPerSecond;
  constexpr uint32_t kRate = 100'000;
  constexpr uint32_t kBytes = 1'000;
  ForEachMix([](UserPath& path, const XdpScene& scene) {
    Bounded bounded(path, kRate);
    path.SetMonotonic(kStartNs);
    const auto sends = [&](const Bytes& frame) {
      const Passage passage = path.Run(frame);
      if (passage.action == XDP_PASS) EXPECT_TRUE(passage.frame == frame);
      return passage.action == XDP_TX;
    };
    const Bytes frames[] = {scene.FromClientToPeer(Bytes(kBytes), 3),
                            scene.FromPeer(Bytes(kBytes))};
    // A bucket holds what it gains in a second. The padding is not payload.
    uint32_t sent = 0;
    while (sent < 90 && sends(frames[sent % 2])) ++sent;
    EXPECT_EQ(sent, 90u);
    for (int i = 0; i < 9; ++i) {
      EXPECT_TRUE(bounded.buckets.Take(XdpScene::kBucket, kBytes, kStartNs));
    }
    EXPECT_TRUE(sends(frames[0]));
    const uint64_t counted = path.Count(TP_COUNT_CLIENT_TO_PEER);
    for (const Bytes& frame : frames) EXPECT_FALSE(sends(frame));
    EXPECT_FALSE(bounded.buckets.Take(XdpScene::kBucket, kBytes, kStartNs));
    EXPECT_EQ(path.Count(TP_COUNT_CLIENT_TO_PEER), counted);
    // What does not leave takes nothing.
    path.SetMonotonic(kStartNs + 2 * kNsPerSecond * kBytes / kRate);
    EXPECT_FALSE(sends(scene.FromPeer(Bytes(1'600))));
    for (const Bytes& frame : frames) EXPECT_TRUE(sends(frame));
    EXPECT_FALSE(sends(frames[0]));
    bounded.buckets.SetRate(XdpScene::kBucket, 0);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(sends(frames[i % 2]));
  });
}

TEST(XdpTurn, ABoundOfOneUserDoesNotHoldAnother) {
  UserPath path;
  XdpScene scene(path);
  scene.PutChannel();
  Bounded bounded(path, 0);
  bounded.buckets.SetRate(XdpScene::kBucket + 1, 1);
  path.SetAnyBounded(true);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(path.Run(scene.FromPeer(Bytes(1'000))).action, static_cast<int>(XDP_TX));
  }
}

}  // namespace
}  // namespace turnpike::test
