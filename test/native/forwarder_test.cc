// State that changes between packets, which the corpus cannot describe.
#include "forward/forwarder.h"

#include <gtest/gtest.h>

#include "forwarder_fixture.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::ForwarderFixture;
using test::MakeRemoteRelay;
using test::PacketBuffer;

constexpr Now kNow{1'000'000'000'000, 325};

FlowKey MakeFlow() { return FlowKey{test::ToTuple(0, "203.0.113.7:4000"), 0x4000}; }

Verdict SendOne(ForwarderFixture& fixture, Outgoing* out = nullptr, const Now& now = kNow) {
  static std::unique_ptr<PacketBuffer> buffer;
  const Bytes data = test::FromHex("40000002aabb");
  buffer = std::make_unique<PacketBuffer>(data.data(), data.size(), MakeFlow().tuple);
  Outgoing ignored;
  return fixture.ForwardClient(buffer->packet(), now, out == nullptr ? &ignored : out);
}

// Delivers a datagram to `receiver`, from the address `source`.
Verdict Deliver(ForwarderFixture& receiver, const Outgoing& out, const std::string& source,
                OpenedTrunk* opened, std::unique_ptr<PacketBuffer>* buffer) {
  *buffer =
      std::make_unique<PacketBuffer>(out.data, out.length, test::ToTuple(0, source, Side::kTrunk));
  Outgoing reply;
  return receiver.forwarder.OpenTrunk((*buffer)->packet(), kNow, opened, &reply);
}

TEST(Forwarder, LaneAndSessionSequencesIncreaseByOne) {
  ForwarderFixture sender(5, 1'000);
  sender.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
  sender.PutFlowToTrunk(MakeFlow(), 1, 77);
  for (uint64_t i = 0; i < 70'000; ++i) {
    Outgoing out;
    EXPECT_EQ(SendOne(sender, &out), Verdict::kClientToTrunk);
    const auto* header = reinterpret_cast<const TrunkHeader*>(out.data);
    const auto* record = reinterpret_cast<const RecordHeader*>(out.data + sizeof(*header));
    EXPECT_EQ(header->lane, 5);
    EXPECT_EQ(header->sequence.Get(), 1'000 + i);
    EXPECT_EQ(record->session_sequence.Get(), static_cast<uint16_t>(i));
  }
  EXPECT_EQ(sender.traffic[1].records_sent.Get(), 70'000u);
}

TEST(Forwarder, FlowsOfARemovedRelayDoNotReachItsSuccessor) {
  ForwarderFixture fixture(0, 1);
  fixture.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
  fixture.PutFlowToTrunk(MakeFlow(), 1, 77);
  EXPECT_EQ(SendOne(fixture), Verdict::kClientToTrunk);
  fixture.tables.relays.Remove(1);
  EXPECT_EQ(SendOne(fixture), Verdict::kTrunkNoRelay);
  RemoteRelay next = MakeRemoteRelay("192.0.2.9:3480");
  next.generation = 1'000;
  next.shared = std::make_shared<RemoteRelayShared>();
  fixture.tables.relays.Put(1, std::make_unique<RemoteRelay>(std::move(next)));
  EXPECT_EQ(SendOne(fixture), Verdict::kTrunkNoRelay);
}

TEST(Forwarder, RemovingARelayForgetsItsSourcesAndWindows) {
  ForwarderFixture sender(0, 500);
  ForwarderFixture receiver(0, 1);
  sender.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
  sender.PutFlowToTrunk(MakeFlow(), 1, 7);
  receiver.PutRemoteRelay(2, MakeRemoteRelay("192.0.2.5:3480"));
  Outgoing out;
  SendOne(sender, &out);
  const Bytes datagram(out.data, out.data + out.length);
  out.data = datagram.data();
  OpenedTrunk opened;
  std::unique_ptr<PacketBuffer> buffer;
  const auto deliver = [&] { return Deliver(receiver, out, "192.0.2.5:3480", &opened, &buffer); };
  EXPECT_EQ(deliver(), Verdict::kTrunkData);
  EXPECT_EQ(deliver(), Verdict::kTrunkReplayed);
  receiver.tables.relays.Remove(2);
  EXPECT_EQ(deliver(), Verdict::kTrunkUnknownSource);
  receiver.PutRemoteRelay(2, MakeRemoteRelay("192.0.2.5:3480"));
  EXPECT_EQ(deliver(), Verdict::kTrunkData);
}

TEST(Forwarder, TheRelayPutLastOwnsASourceAddress) {
  ForwarderFixture fixture(0, 1);
  fixture.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
  fixture.PutRemoteRelay(2, MakeRemoteRelay("192.0.2.1:3480"));
  EXPECT_EQ(*fixture.tables.relays.RelayIndexOf(test::ToTransportAddress("192.0.2.1:3480")), 2u);
  fixture.tables.relays.Remove(1);
  EXPECT_EQ(*fixture.tables.relays.RelayIndexOf(test::ToTransportAddress("192.0.2.1:3480")), 2u);
  fixture.tables.relays.Remove(2);
  EXPECT_TRUE(fixture.tables.relays.RelayIndexOf(test::ToTransportAddress("192.0.2.1:3480")) ==
              nullptr);
}

TEST(Forwarder, TheNewestKeyNotOfAFutureDayIsFound) {
  TrunkKeyring<kSendKeysMax> keys;
  EXPECT_FALSE(keys.NewestUntil(400));
  for (uint16_t day : {326, 324, 325}) EXPECT_TRUE(keys.Add(day, SipKey{day, 0}));
  EXPECT_FALSE(keys.NewestUntil(323));
  EXPECT_EQ(keys.NewestUntil(324)->key.k0, 324u);
  EXPECT_EQ(keys.NewestUntil(325)->key.k0, 325u);
  EXPECT_EQ(keys.NewestUntil(400)->key.k0, 326u);
  EXPECT_EQ(keys.NewestUntil(400)->epoch, 326);
  EXPECT_TRUE(keys.Find(327) == nullptr);
}

TEST(Forwarder, UnboundEventsAreRateLimited) {
  RemoteRelayShared shared;
  uint32_t taken = 0;
  for (int i = 0; i < 100; ++i) taken += shared.TakeUnboundEvent(5 * kNsPerSecond + i);
  EXPECT_EQ(taken, kUnboundEventsPerSecond);
  EXPECT_TRUE(shared.TakeUnboundEvent(6 * kNsPerSecond));
}

TEST(Forwarder, TrafficOfALegIsCountedInBothDirections) {
  ForwarderFixture sender(0, 500);
  ForwarderFixture receiver(0, 1);
  sender.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
  const FlowKey other{MakeFlow().tuple, 0x4001};
  sender.PutFlowToClient(other, MakeFlow().tuple, 0x4002);
  sender.PutFlowToTrunk(MakeFlow(), 1, 7);
  receiver.PutRemoteRelay(2, MakeRemoteRelay("192.0.2.5:3480"));
  receiver.PutSession(7, 2, MakeFlow().tuple, 0x4000);
  for (uint64_t second = 5; second < 8; ++second) {
    Outgoing out;
    EXPECT_EQ(SendOne(sender, &out, Now{second * kNsPerSecond, 325}), Verdict::kClientToTrunk);
    OpenedTrunk opened;
    std::unique_ptr<PacketBuffer> buffer;
    EXPECT_EQ(Deliver(receiver, out, "192.0.2.5:3480", &opened, &buffer), Verdict::kTrunkData);
    Outgoing delivered;
    EXPECT_EQ(receiver.forwarder.ForwardRecord(opened, opened.records.Next(), kNow, &delivered),
              Verdict::kTrunkToClient);
  }
  const LegTraffic& from_peer = sender.tables.flows.Find(MakeFlow())->traffic;
  EXPECT_EQ(from_peer.packets(), 3u);
  EXPECT_EQ(from_peer.payload_bytes(), 6u);
  EXPECT_EQ(from_peer.last_second(), 7u);
  EXPECT_EQ(sender.tables.flows.Find(other)->traffic.packets(), 0u);
  const LegTraffic& to_peer = receiver.session_traffic[7];
  EXPECT_EQ(to_peer.packets(), 3u);
  EXPECT_EQ(to_peer.payload_bytes(), 6u);
  EXPECT_EQ(to_peer.last_second(), 1'000u);
  sender.tables.relays.Remove(1);
  EXPECT_EQ(SendOne(sender), Verdict::kTrunkNoRelay);
  EXPECT_EQ(from_peer.packets(), 3u);
}

TEST(Forwarder, GapsOfSessionSequencesCountAsLoss) {
  ForwarderFixture sender(0, 500);
  ForwarderFixture receiver(0, 1);
  sender.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
  sender.PutFlowToTrunk(MakeFlow(), 1, 7);
  receiver.PutRemoteRelay(2, MakeRemoteRelay("192.0.2.5:3480"));
  receiver.PutSession(7, 2, MakeFlow().tuple, 0x4000);
  for (int i = 0; i < 100; ++i) {
    Outgoing out;
    SendOne(sender, &out);
    if (i % 10 == 5) continue;
    OpenedTrunk opened;
    std::unique_ptr<PacketBuffer> buffer;
    EXPECT_EQ(Deliver(receiver, out, "192.0.2.5:3480", &opened, &buffer), Verdict::kTrunkData);
    Outgoing delivered;
    EXPECT_EQ(receiver.forwarder.ForwardRecord(opened, opened.records.Next(), kNow, &delivered),
              Verdict::kTrunkToClient);
    EXPECT_EQ(test::ToHex(delivered.data, delivered.length), std::string("40000002aabb"));
  }
  EXPECT_EQ(receiver.traffic[2].records_received.Get(), 90u);
  EXPECT_EQ(receiver.traffic[2].records_lost.Get(), 10u);
}

TEST(Forwarder, AnOldSessionIndexDoesNotReachItsPlacesNewSession) {
  ForwarderFixture sender(0, 500);
  ForwarderFixture receiver(0, 1);
  sender.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
  receiver.PutRemoteRelay(2, MakeRemoteRelay("192.0.2.5:3480"));
  constexpr uint32_t kSlots = 64;
  const auto verdict = [&](uint32_t index) {
    sender.PutFlowToTrunk(MakeFlow(), 1, index);
    Outgoing out;
    SendOne(sender, &out);
    OpenedTrunk opened;
    std::unique_ptr<PacketBuffer> buffer;
    EXPECT_EQ(Deliver(receiver, out, "192.0.2.5:3480", &opened, &buffer), Verdict::kTrunkData);
    Outgoing delivered;
    return receiver.forwarder.ForwardRecord(opened, opened.records.Next(), kNow, &delivered);
  };
  receiver.PutSession(7, 2, MakeFlow().tuple, 0x4000);
  EXPECT_EQ(verdict(7), Verdict::kTrunkToClient);
  EXPECT_EQ(verdict(7 + kSlots), Verdict::kTrunkUnbound);
  receiver.PutSession(7 + 5 * kSlots, 2, MakeFlow().tuple, 0x4000);
  EXPECT_EQ(verdict(7), Verdict::kTrunkUnbound);
  EXPECT_EQ(verdict(7 + 5 * kSlots), Verdict::kTrunkToClient);
}

TEST(Forwarder, AProbeReplyHasTheNumberAndTheRoundTrip) {
  ForwarderFixture a(0, 500);
  ForwarderFixture b(0, 900);
  a.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.2:3480"));
  b.PutRemoteRelay(1, MakeRemoteRelay("192.0.2.1:3480"));
  uint8_t datagram[kProbeDatagramBytes];
  Outgoing probe;
  EXPECT_TRUE(a.forwarder.MakeProbe(1, 42, nullptr, kNow, datagram, &probe));
  EXPECT_FALSE(a.forwarder.MakeProbe(3, 42, nullptr, kNow, datagram, &probe));
  const PacketBuffer at_b(probe.data, probe.length,
                          test::ToTuple(0, "192.0.2.1:3480", Side::kTrunk));
  OpenedTrunk opened;
  Outgoing reply;
  EXPECT_EQ(b.forwarder.OpenTrunk(at_b.packet(), kNow, &opened, &reply), Verdict::kTrunkProbe);
  const PacketBuffer at_a(reply.data, reply.length,
                          test::ToTuple(0, "192.0.2.2:3480", Side::kTrunk));
  const Now later{kNow.monotonic_ns + 1'234, kNow.trunk_epoch};
  EXPECT_EQ(a.forwarder.OpenTrunk(at_a.packet(), later, &opened, &probe),
            Verdict::kTrunkProbeReply);
  EXPECT_EQ(opened.probe_number, 42u);
  EXPECT_EQ(opened.rtt_ns, 1'234u);
}

}  // namespace
}  // namespace turnpike
