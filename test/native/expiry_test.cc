// Expiry of entries in the forwarder.
#include "table/expiry.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "forwarder_fixture.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::ForwarderFixture;
using test::MakeRemoteRelay;
using test::PacketBuffer;

constexpr uint64_t kForEver = UINT64_MAX;

Now At(uint64_t second) { return Now{second * kNsPerSecond, 325}; }

FlowKey FlowOf(uint16_t channel) { return FlowKey{test::ToTuple(0, "203.0.113.7:4000"), channel}; }

Verdict SendOn(ForwarderFixture& fixture, uint16_t channel, uint64_t second, Outgoing* out) {
  static std::unique_ptr<PacketBuffer> buffer;
  const Bytes data = {static_cast<uint8_t>(channel >> 8), static_cast<uint8_t>(channel), 0, 1, 7};
  buffer = std::make_unique<PacketBuffer>(data.data(), data.size(), FlowOf(channel).tuple);
  return fixture.ForwardClient(buffer->packet(), At(second), out);
}

// Two relays. The only flow of the left one leads to session 7 of the right one.
struct Pair {
  Pair() {
    left.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
    left.PutFlowToTrunk(FlowOf(0x4000), 1, 7);
    right.PutRemoteRelay(2, MakeRemoteRelay("192.0.2.5:3480"));
    right.PutSession(7, 2, FlowOf(0x4000).tuple, 0x4000);
  }

  // Sends one record at a given second and returns the right relay's verdict.
  Verdict Deliver(uint64_t second) {
    Outgoing out;
    EXPECT_EQ(SendOn(left, 0x4000, second, &out), Verdict::kClientToTrunk);
    const PacketBuffer buffer(out.data, out.length,
                              test::ToTuple(0, "192.0.2.5:3480", Side::kTrunk));
    OpenedTrunk opened;
    EXPECT_EQ(right.forwarder.OpenTrunk(buffer.packet(), At(second), &opened, &out),
              Verdict::kTrunkData);
    return right.forwarder.ForwardRecord(opened, opened.records.Next(), At(second), &out);
  }

  ForwarderFixture left{0, 1};
  ForwarderFixture right{0, 1};
};

TEST(Expiry, LastsItsLifetimeAndAtMostOneSecondMore) {
  // Put at any time within second 100.
  const Expiry expiry = Expiry::After(5, 100);
  EXPECT_FALSE(expiry.IsOver(100));
  EXPECT_FALSE(expiry.IsOver(105));
  EXPECT_TRUE(expiry.IsOver(106));
  EXPECT_TRUE(expiry.IsOver(kForEver));
}

TEST(Expiry, ZeroAndUnreachableSecondsMeanNever) {
  const Expiry zeroed{};
  EXPECT_EQ(zeroed.second(), 0u);
  EXPECT_EQ(Expiry::After(0, 100).second(), 0u);
  EXPECT_EQ(Expiry::After(UINT32_MAX, 100).second(), 0u);
  EXPECT_EQ(Expiry::After(1'000'000'000, UINT32_MAX - 1'000'000'001ull).second(), UINT32_MAX);
  EXPECT_EQ(Expiry::After(1'000'000'000, UINT32_MAX - 1'000'000'000ull).second(), 0u);
  for (const uint64_t second : {uint64_t{0}, uint64_t{1}, uint64_t{UINT32_MAX}}) {
    EXPECT_FALSE(zeroed.IsOver(second));
  }
}

TEST(Expiry, AnExpiredFlowForwardsAndCountsNothing) {
  ForwarderFixture fixture(0, 1);
  fixture.PutFlowToClient(FlowOf(0x4000), FlowOf(0x4000).tuple, 0x4001);
  Flow& flow = *fixture.tables.flows.Find(FlowOf(0x4000));
  flow.expiry = Expiry::After(10, 1'000);
  Outgoing out;
  EXPECT_EQ(SendOn(fixture, 0x4000, 1'010, &out), Verdict::kClientToClient);
  EXPECT_EQ(SendOn(fixture, 0x4000, 1'011, &out), Verdict::kChannelExpired);
  EXPECT_EQ(flow.traffic.packets(), 1u);
  flow.expiry = Expiry::After(10, 1'011);
  EXPECT_EQ(SendOn(fixture, 0x4000, 1'021, &out), Verdict::kClientToClient);
  EXPECT_EQ(flow.traffic.packets(), 2u);
  EXPECT_EQ(SendOn(fixture, 0x4005, 1'000, &out), Verdict::kChannelUnknown);
}

TEST(Expiry, AnExpiredFlowUsesNoSequence) {
  Pair pair;
  Flow& flow = *pair.left.tables.flows.Find(FlowOf(0x4000));
  flow.expiry = Expiry::After(1, 1'000);
  EXPECT_EQ(pair.Deliver(1'001), Verdict::kTrunkToClient);
  Outgoing out;
  EXPECT_EQ(SendOn(pair.left, 0x4000, 1'002, &out), Verdict::kChannelExpired);
  EXPECT_EQ(pair.left.traffic[1].records_sent.Get(), 1u);
  flow.expiry = Expiry::After(1, 1'002);
  EXPECT_EQ(pair.Deliver(1'002), Verdict::kTrunkToClient);
  EXPECT_EQ(pair.right.traffic[2].records_received.Get(), 2u);
  EXPECT_EQ(pair.right.traffic[2].records_lost.Get(), 0u);
}

TEST(Expiry, AnExpiredSessionForwardsAndCountsNothing) {
  Pair pair;
  Session& session = pair.right.tables.sessions.At(7);
  session.expiry = Expiry::After(3, 1'000);
  EXPECT_EQ(pair.Deliver(1'003), Verdict::kTrunkToClient);
  EXPECT_EQ(pair.Deliver(1'004), Verdict::kTrunkExpired);
  EXPECT_EQ(pair.right.traffic[2].records_received.Get(), 1u);
  EXPECT_EQ(pair.right.session_traffic[7].packets(), 1u);
  // For a relay to which the index is not bound, the verdict is not `expired`.
  session.action.generation += 1;
  EXPECT_EQ(pair.Deliver(1'004), Verdict::kTrunkUnbound);
  session.action.generation -= 1;
  session.expiry = Expiry::After(0, 1'004);
  EXPECT_EQ(pair.Deliver(UINT32_MAX), Verdict::kTrunkToClient);
}

TEST(Expiry, RecordsOfAnExpiredSessionAreNotLost) {
  Pair pair;
  Session& session = pair.right.tables.sessions.At(7);
  session.expiry = Expiry::After(3, 1'000);
  EXPECT_EQ(pair.Deliver(1'003), Verdict::kTrunkToClient);
  EXPECT_EQ(pair.Deliver(1'004), Verdict::kTrunkExpired);
  EXPECT_EQ(pair.Deliver(1'004), Verdict::kTrunkExpired);
  session.expiry = Expiry::After(3, 1'004);
  EXPECT_EQ(pair.Deliver(1'004), Verdict::kTrunkToClient);
  EXPECT_EQ(pair.right.traffic[2].records_received.Get(), 2u);
  EXPECT_EQ(pair.right.traffic[2].records_lost.Get(), 0u);
}

// Entries are put, refreshed and removed at random, and compared with a map of their ends.
TEST(Expiry, AgreesWithAModel) {
  constexpr uint16_t kChannels = 48;
  std::mt19937 random(20'261'127);
  const auto below = [&random](uint32_t bound) { return random() % bound; };
  ForwarderFixture fixture(0, 1);
  std::map<uint16_t, uint64_t> ends;
  uint64_t second = 3;
  uint32_t forwarded = 0;
  uint32_t expired = 0;
  for (int i = 0; i < 200'000; ++i) {
    if (below(20) == 0) second += below(4);
    const auto channel = static_cast<uint16_t>(0x4000 + below(kChannels));
    const FlowKey key = FlowOf(channel);
    const uint32_t lifetime = below(8);
    const uint64_t end = lifetime == 0 ? kForEver : second + 1 + lifetime;
    const uint32_t what = below(16);
    if (what == 0) {
      fixture.PutFlowToClient(key, key.tuple, 0x4fff);
      fixture.tables.flows.Find(key)->expiry = Expiry::After(lifetime, second);
      ends[channel] = end;
    } else if (what == 1) {
      EXPECT_EQ(fixture.tables.flows.Erase(key), ends.erase(channel) == 1);
    } else if (what == 2 && ends.count(channel) == 1) {
      fixture.tables.flows.Find(key)->expiry = Expiry::After(lifetime, second);
      ends[channel] = end;
    }
    const auto found = ends.find(channel);
    const Verdict expected = found == ends.end()       ? Verdict::kChannelUnknown
                             : second >= found->second ? Verdict::kChannelExpired
                                                       : Verdict::kClientToClient;
    Outgoing out;
    ASSERT_EQ(SendOn(fixture, channel, second, &out), expected);
    forwarded += expected == Verdict::kClientToClient;
    expired += expected == Verdict::kChannelExpired;
  }
  EXPECT_TRUE(forwarded > 10'000 && expired > 10'000);
}

}  // namespace
}  // namespace turnpike
