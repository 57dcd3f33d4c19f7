#include "io/early_data.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support.h"

namespace turnpike {
namespace {

using test::ToTransportAddress;
using test::ToTuple;
using From = EarlyData::From;

const FiveTuple kClient = ToTuple(0, "203.0.113.7:40000");
const FiveTuple kOther = ToTuple(0, "203.0.113.8:40000");
const TransportHandle kRelayed(Transport::kUdp, 0, 7, 40);
const TransportHandle kOtherRelayed(Transport::kUdp, 0, 8, 41);
const EarlyData::Relayed kEndpoints{kRelayed, TransportHandle()};
const EarlyData::Relayed kOtherEndpoints{kOtherRelayed, TransportHandle()};
const FiveTuple kPeer{ToTransportAddress("192.0.2.1:5000"), IpAddress{}, kRelayed};

struct Scene {
  Scene() {
    if (!early.Allocate().ok()) std::abort();
  }

  bool Hold(From from, const std::string& text, const FiveTuple& tuple) {
    std::string copy = text;
    const Packet packet{reinterpret_cast<uint8_t*>(copy.data()), static_cast<uint32_t>(text.size()),
                        &tuple};
    const Verdict verdict =
        from == From::kClient ? Verdict::kSendNoPermission : Verdict::kPeerNoPermission;
    return early.Hold(from, packet, verdict, now_ns);
  }
  bool FromClient(const std::string& text, const FiveTuple& client = kClient) {
    return Hold(From::kClient, text, client);
  }
  bool FromPeer(const std::string& text, const FiveTuple& peer = kPeer) {
    return Hold(From::kPeer, text, peer);
  }
  // Serves, with entries for what `passing` has. Returns what left, in order.
  std::vector<std::string> Serve(const std::vector<std::string>& passing,
                                 TransportHandle newer = TransportHandle()) {
    std::vector<std::string> left;
    early.Serve(
        now_ns, counters,
        [&](From, const Packet& packet) {
          const std::string text(reinterpret_cast<char*>(packet.data), packet.length);
          for (const std::string& each : passing) {
            if (each != text) continue;
            left.push_back(text);
            return true;
          }
          return false;
        },
        newer);
    return left;
  }
  uint64_t Dropped() const {
    return cells[static_cast<size_t>(Verdict::kSendNoPermission)].Get() +
           cells[static_cast<size_t>(Verdict::kPeerNoPermission)].Get();
  }

  std::vector<CounterCell> cells = std::vector<CounterCell>(kCounterRowCells);
  CounterRow counters{cells.data()};
  EarlyData early;
  uint64_t now_ns = 1'000'000'000;
};

using Texts = std::vector<std::string>;

TEST(EarlyData, NothingIsHeldUnlessARequestOfTheClientIsAwaited) {
  Scene scene;
  EXPECT_TRUE(scene.early.idle());
  EXPECT_FALSE(scene.FromClient("a"));
  scene.early.Await(kOther, kOtherEndpoints, scene.now_ns);
  EXPECT_FALSE(scene.early.idle());
  EXPECT_FALSE(scene.FromClient("a"));
  EXPECT_FALSE(scene.FromPeer("a"));
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  EXPECT_TRUE(scene.FromClient("a"));
  EXPECT_TRUE(scene.FromPeer("b"));
  EXPECT_FALSE(scene.early.empty());
}

TEST(EarlyData, WhatHasAnEntryLeavesInOrderAndTheRestWaits) {
  Scene scene;
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  for (const char* const text : {"1", "x", "2", "3"}) ASSERT_TRUE(scene.FromClient(text));
  EXPECT_FALSE(scene.early.IsDue(scene.now_ns));
  scene.early.NoteEntry();
  EXPECT_TRUE(scene.early.IsDue(scene.now_ns));
  EXPECT_EQ(scene.Serve({"1", "2", "3"}), (Texts{"1", "2", "3"}));
  EXPECT_EQ(scene.Dropped(), 0u);
  EXPECT_EQ(scene.Serve({"x"}), Texts{"x"});
  EXPECT_TRUE(scene.early.empty());
}

TEST(EarlyData, AnAnsweredRequestDropsWhatCameBeforeItsEnd) {
  Scene scene;
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  ASSERT_TRUE(scene.FromClient("refused"));
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  ASSERT_TRUE(scene.FromClient("granted"));
  scene.early.NoteAnswer(kClient);
  EXPECT_EQ(scene.Serve({}), Texts{});
  EXPECT_EQ(scene.Dropped(), 1u);
  scene.early.NoteAnswer(kClient);
  EXPECT_EQ(scene.Serve({"refused", "granted"}), Texts{"granted"});
  EXPECT_EQ(scene.Dropped(), 1u);
  EXPECT_TRUE(scene.early.idle()) << "every request is answered";
  EXPECT_FALSE(scene.FromClient("late"));
}

TEST(EarlyData, APeersDatagramWaitsForTheAnswerUnlessANewerOneComes) {
  Scene scene;
  const FiveTuple other_peer{kPeer.remote, IpAddress{}, kOtherRelayed};
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  scene.early.Await(kOther, kOtherEndpoints, scene.now_ns);
  ASSERT_TRUE(scene.FromPeer("a"));
  ASSERT_TRUE(scene.FromPeer("b", other_peer));
  EXPECT_EQ(scene.Serve({"a", "b"}), Texts{});
  EXPECT_EQ(scene.Serve({"a", "b"}, kOtherRelayed), Texts{"b"});
  EXPECT_TRUE(scene.early.holds_of_peers());
  scene.early.NoteAnswer(kClient);
  EXPECT_EQ(scene.Serve({"a"}), Texts{"a"});
  EXPECT_FALSE(scene.early.holds_of_peers());
}

TEST(EarlyData, EachDatagramKeepsItsTrafficClass) {
  Scene scene;
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  uint8_t data = 'a';
  const std::vector<uint8_t> classes{0xb8, 0, 0x03};
  for (const uint8_t each : classes) {
    const Packet packet{&data, 1, &kClient, true, true, each};
    ASSERT_TRUE(scene.early.Hold(From::kClient, packet, Verdict::kChannelUnknown, scene.now_ns));
  }
  std::vector<uint8_t> served;
  scene.early.Serve(scene.now_ns, scene.counters, [&](From, const Packet& packet) {
    served.push_back(packet.traffic_class);
    return true;
  });
  EXPECT_EQ(served, classes);
}

TEST(EarlyData, WhatIsNotAnsweredInTimeIsDropped) {
  Scene scene;
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  ASSERT_TRUE(scene.FromClient("a"));
  EXPECT_EQ(scene.early.due_ns(), scene.now_ns + kEarlyNsMax);
  scene.now_ns += kEarlyNsMax - 1;
  EXPECT_EQ(scene.Serve({}), Texts{});
  EXPECT_EQ(scene.Dropped(), 0u);
  ++scene.now_ns;
  EXPECT_TRUE(scene.early.IsDue(scene.now_ns));
  EXPECT_FALSE(scene.FromClient("b"));
  EXPECT_EQ(scene.Serve({"a"}), Texts{}) << "not even with an entry";
  EXPECT_EQ(scene.Dropped(), 1u);
  EXPECT_FALSE(scene.FromClient("b"));
  EXPECT_TRUE(scene.early.idle()) << "a client without an answer is forgotten";
}

TEST(EarlyData, AnotherAllocationGetsNothing) {
  Scene scene;
  for (const bool by_endpoint : {false, true}) {
    scene.early.Await(kClient, kEndpoints, scene.now_ns);
    scene.early.Await(kOther, kOtherEndpoints, scene.now_ns);
    ASSERT_TRUE(scene.FromClient("a"));
    ASSERT_TRUE(scene.FromPeer("b"));
    ASSERT_TRUE(scene.FromClient("other", kOther));
    const uint64_t before = scene.Dropped();
    if (by_endpoint) {
      scene.early.Forget(kRelayed, scene.counters);
    } else {
      scene.early.Forget(kClient, scene.counters);
    }
    EXPECT_EQ(scene.Dropped(), before + 2);
    EXPECT_FALSE(scene.FromClient("a")) << "the request was another allocation's";
    EXPECT_EQ(scene.Serve({"a", "b", "other"}), Texts{"other"});
    scene.early.NoteAnswer(kOther);
    EXPECT_TRUE(scene.early.idle());
  }
}

TEST(EarlyData, HasBoundsForAClientItsPeersAndTheWorker) {
  Scene scene;
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  for (uint32_t i = 0; i < kEarlyDatagramsOfClientMax; ++i) {
    EXPECT_TRUE(scene.FromClient("a"));
    EXPECT_TRUE(scene.FromPeer("b"));
  }
  EXPECT_FALSE(scene.FromClient("a"));
  EXPECT_FALSE(scene.FromPeer("b"));
  scene.early.Forget(kClient, scene.counters);

  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  EXPECT_FALSE(scene.FromClient(std::string(kEarlyDatagramBytesMax + 1, 'x')));
  const std::string longest(kEarlyDatagramBytesMax, 'x');
  EXPECT_TRUE(scene.FromClient(longest));
  EXPECT_EQ(scene.Serve({longest}), Texts{longest});
  scene.early.NoteAnswer(kClient);

  uint32_t held = 0;
  for (uint16_t port = 1; port <= kAwaitedClientsMax + 1; ++port) {
    const FiveTuple client = ToTuple(0, "203.0.113.9:" + std::to_string(port));
    scene.early.Await(client, kEndpoints, scene.now_ns);
    for (int i = 0; i < 2; ++i) held += scene.FromClient(std::to_string(port), client) ? 1 : 0;
  }
  EXPECT_EQ(held, kEarlyDatagramsMax);
  scene.now_ns += kEarlyNsMax;
  scene.Serve({});
  EXPECT_TRUE(scene.early.empty());
  scene.early.Await(kClient, kEndpoints, scene.now_ns);
  EXPECT_TRUE(scene.FromClient("a")) << "clients whose time is over make room";
}

TEST(EarlyData, MemoryOfAReleasedDatagramIsUsedAgain) {
  Scene scene;
  for (int round = 0; round < 1'000; ++round) {
    scene.early.Await(kClient, kEndpoints, scene.now_ns);
    const std::string text = std::to_string(round);
    ASSERT_TRUE(scene.FromClient("x" + text));
    ASSERT_TRUE(scene.FromClient(text));
    ASSERT_EQ(scene.Serve({text}), Texts{text});
    scene.early.NoteAnswer(kClient);
    ASSERT_EQ(scene.Serve({}), Texts{});
    ASSERT_TRUE(scene.early.idle());
  }
  EXPECT_EQ(scene.Dropped(), 1'000u);
}

}  // namespace
}  // namespace turnpike
