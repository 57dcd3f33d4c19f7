#include "io/fair_share.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <thread>

#include "forward/forwarder.h"
#include "io/punt_queue.h"
#include "support.h"

namespace turnpike {
namespace {

const SipKey kKey{3, 5};
constexpr uint32_t kDatagramBytes = 20;
constexpr uint32_t kDrainedBytes = 1u << 21;

FiveTuple TupleOf(const std::string& endpoint) {
  FiveTuple tuple;
  tuple.remote = test::ToTransportAddress(endpoint);
  return tuple;
}

// A punt queue, with the calls of the worker and of the controlling thread.
class Scene {
 public:
  explicit Scene(uint32_t bytes = 64 * 1024) { EXPECT_TRUE(ring_.Allocate(bytes, kKey).ok()); }

  PuntResult Push(const FiveTuple& tuple, PuntClass punt_class = PuntClass::kStrangers) {
    Packet packet{};
    packet.data = datagram_;
    packet.length = kDatagramBytes;
    packet.tuple = &tuple;
    return ring_.PushDatagram(Side::kClient, 0, packet, punt_class);
  }

  // Pushes until a datagram is refused. Returns the number of queued ones.
  uint32_t Fill(const FiveTuple& tuple, PuntClass punt_class = PuntClass::kStrangers) {
    uint32_t queued = 0;
    while (Push(tuple, punt_class) == PuntResult::kQueued) ++queued;
    return queued;
  }

  // Returns the number of drained records.
  uint32_t Drain(PuntClass punt_class, uint32_t records_max) {
    uint32_t left = records_max;
    uint32_t skipped = 0;
    const auto now = [](TransportHandle) { return PuntQueue::Delivery::kNow; };
    ring_.Drain(punt_class, drained_.data(), kDrainedBytes, &left, now, &skipped);
    EXPECT_EQ(skipped, 0u);
    return records_max - left;
  }

  PuntQueue& ring() { return ring_; }

 private:
  PuntQueue ring_;
  uint8_t datagram_[kDatagramBytes]{};
  std::vector<uint8_t> drained_ = std::vector<uint8_t>(kDrainedBytes);
};

TEST(FairShare, ASenderIsLimitedToItsShare) {
  Scene scene;
  const uint32_t flood = scene.Fill(TupleOf("192.0.2.1:1"));
  EXPECT_GT(flood, 10u);
  EXPECT_EQ(scene.Push(TupleOf("192.0.2.1:1")), PuntResult::kOverShare);
  // Another port of the same address, and 250 other addresses.
  EXPECT_EQ(scene.Push(TupleOf("192.0.2.1:2")), PuntResult::kQueued);
  for (int i = 0; i < 250; ++i) {
    EXPECT_EQ(scene.Push(TupleOf("198.51.100." + std::to_string(i) + ":1")), PuntResult::kQueued);
  }
  EXPECT_TRUE(scene.Drain(PuntClass::kStrangers, flood + 251) == flood + 251);
  EXPECT_EQ(scene.Drain(PuntClass::kStrangers, 1), 0u);
  // Drained records no longer count for the share.
  EXPECT_EQ(scene.Fill(TupleOf("192.0.2.1:1")), flood);
}

TEST(FairShare, ASourceIsLimitedToItsShareOverAllPorts) {
  for (const std::string source : {"192.0.2.1:", "[2001:db8::1]:"}) {
    Scene scene;
    uint32_t queued = 0;
    for (int port = 1; port < 20'000; ++port) {
      if (scene.Push(TupleOf(source + std::to_string(port))) == PuntResult::kQueued) ++queued;
    }
    EXPECT_GT(queued, 10u);
    // A record of 20 bytes takes 88 bytes of the ring: less than a third of it is used.
    EXPECT_TRUE(queued * 88 < 64 * 1024 / 3);
    EXPECT_EQ(scene.Push(TupleOf("192.0.2.2:1")), PuntResult::kQueued);
    EXPECT_EQ(scene.Push(TupleOf("[2001:db8:0:1::1]:1")), PuntResult::kQueued);
  }
}

TEST(FairShare, AnIpv6Prefix64IsOneSource) {
  Scene scene;
  for (int host = 1; host < 5'000; ++host) {
    char address[64];
    std::snprintf(address, sizeof(address), "[2001:db8::%x]:1", host);
    scene.Push(TupleOf(address));
  }
  EXPECT_EQ(scene.Push(TupleOf("[2001:db8::ffff]:1")), PuntResult::kOverShare);
  EXPECT_EQ(scene.Push(TupleOf("[2001:db8:0:1::1]:1")), PuntResult::kQueued);
}

TEST(FairShare, FloodsOfFortySourcesLeaveRoom) {
  Scene scene;
  for (int round = 0; round < 50; ++round) {
    for (int source = 1; source <= 40; ++source) {
      scene.Fill(TupleOf("192.0.2." + std::to_string(source) + ":1"));
    }
    EXPECT_EQ(scene.Push(TupleOf("198.51.100.1:" + std::to_string(round + 1))),
              PuntResult::kQueued);
    scene.Drain(PuntClass::kStrangers, 64);
  }
}

TEST(FairShare, SpoofedSourcesFillOnlyTheStrangersQueue) {
  Scene scene;
  bool full = false;
  for (uint32_t i = 0; i < 100'000; ++i) {
    FiveTuple tuple = TupleOf("10.0.0.0:1");
    tuple.remote.ip.bytes[13] = static_cast<uint8_t>(i >> 16);
    tuple.remote.ip.bytes[14] = static_cast<uint8_t>(i >> 8);
    tuple.remote.ip.bytes[15] = static_cast<uint8_t>(i);
    full = full || scene.Push(tuple) == PuntResult::kFull;
  }
  EXPECT_TRUE(full);
  EXPECT_EQ(scene.Push(TupleOf("192.0.2.1:1"), PuntClass::kKnown), PuntResult::kQueued);
  EXPECT_EQ(scene.Push(TupleOf("192.0.2.1:1"), PuntClass::kRelays), PuntResult::kQueued);
  EXPECT_EQ(scene.Drain(PuntClass::kKnown, 5), 1u);
  EXPECT_EQ(scene.Drain(PuntClass::kRelays, 5), 1u);
}

TEST(FairShare, ARelayThatFloodsEventsLeavesRoomForOthers) {
  Scene scene;
  PuntedEvent event{};
  event.kind = PuntKind::kPathProbeReply;
  event.relay_index = 7;
  uint32_t queued = 0;
  while (scene.ring().PushEvent(event) == PuntResult::kQueued) ++queued;
  EXPECT_GT(queued, 10u);
  event.relay_index = 8;
  EXPECT_EQ(scene.ring().PushEvent(event), PuntResult::kQueued);
  EXPECT_EQ(scene.Push(TupleOf("192.0.2.1:1"), PuntClass::kRelays), PuntResult::kQueued);
  EXPECT_EQ(scene.Drain(PuntClass::kRelays, 10'000), queued + 2);
}

TEST(FairShare, TheLongestDatagramFitsTheSmallestQueue) {
  PuntQueue ring;
  EXPECT_TRUE(ring.Allocate(kPuntQueueBytesMin, kKey).ok());
  std::vector<uint8_t> data(kPuntBytesMax);
  const FiveTuple tuple = TupleOf("192.0.2.1:1");
  Packet packet{};
  packet.data = data.data();
  packet.length = kPuntBytesMax;
  packet.tuple = &tuple;
  EXPECT_EQ(ring.PushDatagram(Side::kTrunk, 0, packet, PuntClass::kRelays), PuntResult::kQueued);
}

TEST(FairShare, SharesCountOnlyWaitingRecords) {
  FairShare shares;
  EXPECT_TRUE(shares.Allocate(kKey).ok());
  std::deque<FairShare::Ticket> waiting;
  std::mt19937 random(5);
  for (int step = 0; step < 100'000; ++step) {
    if (random() % 2 == 0) {
      const FairShare::Sender sender = shares.SenderOf(random() % 64);
      if (shares.Admits(sender, 100, 64 * 1024)) waiting.push_back(shares.Take(sender, 100));
    } else if (!waiting.empty()) {
      shares.GiveBack(waiting.front());
      waiting.pop_front();
    }
  }
  for (const FairShare::Ticket& ticket : waiting) shares.GiveBack(ticket);
  // With nothing held, even a record that is larger than any share is admitted.
  for (uint32_t i = 0; i < 64; ++i) EXPECT_TRUE(shares.Admits(shares.SenderOf(i), 1'000'000, 0));
}

TEST(FairShare, TwoThreadsLoseNoRecord) {
  constexpr uint32_t kRecords = 200'000;
  Scene scene;
  std::atomic<bool> done{false};
  uint32_t queued = 0;
  std::thread worker([&] {
    const FiveTuple tuples[] = {TupleOf("192.0.2.1:1"), TupleOf("192.0.2.2:1")};
    for (uint32_t i = 0; i < kRecords; ++i) {
      if (scene.Push(tuples[i % 2], PuntClass::kKnown) == PuntResult::kQueued) ++queued;
    }
    done.store(true);
  });
  uint32_t drained = 0;
  while (!done.load()) drained += scene.Drain(PuntClass::kKnown, 32);
  worker.join();
  drained += scene.Drain(PuntClass::kKnown, kRecords);
  EXPECT_EQ(drained, queued);
  EXPECT_GT(scene.Fill(TupleOf("192.0.2.1:1"), PuntClass::kKnown), 10u);
}

}  // namespace
}  // namespace turnpike
