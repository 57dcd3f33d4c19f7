// What the corpus cannot say: state that changes between packets.
#include "forward/forwarder.h"

#include "check.h"
#include "forwarder_fixture.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::ForwarderFixture;
using test::PacketBuffer;

constexpr Now kNow{1'000'000'000'000, 325};
const SipKey kKey{3, 4};

TrunkPeer MakePeer(const std::string& address) {
  TrunkPeer peer;
  peer.path = test::ToTuple(0, address);
  peer.sources = {test::ToEndpoint(address)};
  peer.send_keys.Add(325, kKey);
  peer.receive_keys.Add(325, kKey);
  return peer;
}

FlowKey MakeFlow() { return FlowKey{test::ToTuple(0, "203.0.113.7:4000"), 0x4000}; }

Verdict SendOne(ForwarderFixture& fixture, Outgoing* out = nullptr, const Now& now = kNow) {
  static std::unique_ptr<PacketBuffer> buffer;
  const Bytes data = test::FromHex("40000002aabb");
  buffer = std::make_unique<PacketBuffer>(data.data(), data.size(), MakeFlow().tuple);
  Outgoing ignored;
  return fixture.ForwardClient(buffer->packet(), now, out == nullptr ? &ignored : out);
}

// Gives what `sender` made to `receiver`, as arriving from the sender's address.
Verdict Deliver(ForwarderFixture& receiver, const Outgoing& out, const std::string& source,
                OpenedTrunk* opened, std::unique_ptr<PacketBuffer>* buffer) {
  *buffer = std::make_unique<PacketBuffer>(out.data, out.length, test::ToTuple(0, source));
  Outgoing reply;
  return receiver.forwarder.OpenTrunk((*buffer)->packet(), kNow, opened, &reply);
}

TEST(SequencesOfLaneAndSessionCountUp) {
  ForwarderFixture sender(5, 1'000);
  sender.PutPeer(1, MakePeer("192.0.2.1:3480"));
  sender.PutFlowToTrunk(MakeFlow(), 1, 77);
  for (uint64_t i = 0; i < 70'000; ++i) {
    Outgoing out;
    CHECK_EQ(SendOne(sender, &out), Verdict::kClientToTrunk);
    const auto* header = reinterpret_cast<const TrunkHeader*>(out.data);
    const auto* record = reinterpret_cast<const RecordHeader*>(out.data + sizeof(*header));
    CHECK_EQ(header->lane, 5);
    CHECK_EQ(header->sequence.Get(), 1'000 + i);
    CHECK_EQ(record->session_sequence.Get(), static_cast<uint16_t>(i));
  }
  CHECK_EQ(sender.traffic[1].records_sent.Get(), 70'000u);
}

TEST(ASlotsNextRelayGetsNothingOfTheLast) {
  ForwarderFixture fixture(0, 1);
  fixture.PutPeer(1, MakePeer("192.0.2.1:3480"));
  fixture.PutFlowToTrunk(MakeFlow(), 1, 77);
  CHECK_EQ(SendOne(fixture), Verdict::kClientToTrunk);
  fixture.tables.peers.Remove(1);
  CHECK_EQ(SendOne(fixture), Verdict::kTrunkNoPeer);
  TrunkPeer next = MakePeer("192.0.2.9:3480");
  next.generation = 1'000;
  next.shared = std::make_shared<TrunkPeerShared>();
  fixture.tables.peers.Put(1, std::make_unique<TrunkPeer>(std::move(next)));
  CHECK_EQ(SendOne(fixture), Verdict::kTrunkNoPeer);
}

TEST(RemovalForgetsSourcesAndWindows) {
  ForwarderFixture sender(0, 500);
  ForwarderFixture receiver(0, 1);
  sender.PutPeer(1, MakePeer("192.0.2.1:3480"));
  sender.PutFlowToTrunk(MakeFlow(), 1, 7);
  receiver.PutPeer(2, MakePeer("192.0.2.5:3480"));
  Outgoing out;
  SendOne(sender, &out);
  const Bytes datagram(out.data, out.data + out.length);
  out.data = datagram.data();
  OpenedTrunk opened;
  std::unique_ptr<PacketBuffer> buffer;
  const auto deliver = [&] { return Deliver(receiver, out, "192.0.2.5:3480", &opened, &buffer); };
  CHECK_EQ(deliver(), Verdict::kTrunkData);
  CHECK_EQ(deliver(), Verdict::kTrunkReplayed);
  receiver.tables.peers.Remove(2);
  CHECK_EQ(deliver(), Verdict::kTrunkUnknownSource);
  receiver.PutPeer(2, MakePeer("192.0.2.5:3480"));
  CHECK_EQ(deliver(), Verdict::kTrunkData);
}

TEST(TheNewestPutOwnsASourceAddress) {
  ForwarderFixture fixture(0, 1);
  fixture.PutPeer(1, MakePeer("192.0.2.1:3480"));
  fixture.PutPeer(2, MakePeer("192.0.2.1:3480"));
  CHECK_EQ(*fixture.tables.peers.SlotOf(test::ToEndpoint("192.0.2.1:3480")), 2u);
  fixture.tables.peers.Remove(1);
  CHECK_EQ(*fixture.tables.peers.SlotOf(test::ToEndpoint("192.0.2.1:3480")), 2u);
  fixture.tables.peers.Remove(2);
  CHECK(fixture.tables.peers.SlotOf(test::ToEndpoint("192.0.2.1:3480")) == nullptr);
}

TEST(KeyOfTheDay) {
  TrunkKeyring<kSendKeysMax> keys;
  CHECK(!keys.NewestUntil(400));
  for (uint16_t day : {326, 324, 325}) CHECK(keys.Add(day, SipKey{day, 0}));
  CHECK(!keys.NewestUntil(323));
  CHECK_EQ(keys.NewestUntil(324)->key.k0, 324u);
  CHECK_EQ(keys.NewestUntil(325)->key.k0, 325u);
  CHECK_EQ(keys.NewestUntil(400)->key.k0, 326u);
  CHECK_EQ(keys.NewestUntil(400)->epoch, 326);
  CHECK(keys.Find(327) == nullptr);
}

TEST(UnboundEventsAreRationed) {
  TrunkPeerShared shared;
  uint32_t taken = 0;
  for (int i = 0; i < 100; ++i) taken += shared.TakeUnboundEvent(5 * kNsPerSecond + i);
  CHECK_EQ(taken, kUnboundEventsPerSecond);
  CHECK(shared.TakeUnboundEvent(6 * kNsPerSecond));
}

TEST(EachLegsTrafficIsCountedInBothDirections) {
  ForwarderFixture sender(0, 500);
  ForwarderFixture receiver(0, 1);
  sender.PutPeer(1, MakePeer("192.0.2.1:3480"));
  const FlowKey other{MakeFlow().tuple, 0x4001};
  sender.PutFlowToClient(other, MakeFlow().tuple, 0x4002);
  sender.PutFlowToTrunk(MakeFlow(), 1, 7);
  receiver.PutPeer(2, MakePeer("192.0.2.5:3480"));
  receiver.PutSession(7, 2, MakeFlow().tuple, 0x4000);
  for (uint64_t second = 5; second < 8; ++second) {
    Outgoing out;
    CHECK_EQ(SendOne(sender, &out, Now{second * kNsPerSecond, 325}), Verdict::kClientToTrunk);
    OpenedTrunk opened;
    std::unique_ptr<PacketBuffer> buffer;
    CHECK_EQ(Deliver(receiver, out, "192.0.2.5:3480", &opened, &buffer), Verdict::kTrunkData);
    Outgoing delivered;
    CHECK_EQ(receiver.forwarder.ForwardRecord(opened, opened.records.Next(), kNow, &delivered),
             Verdict::kTrunkToClient);
  }
  const LegTraffic& from_peer = sender.tables.flows.Find(MakeFlow())->traffic;
  CHECK_EQ(from_peer.packets(), 3u);
  CHECK_EQ(from_peer.payload_bytes(), 6u);
  CHECK_EQ(from_peer.last_second(), 7u);
  CHECK_EQ(sender.tables.flows.Find(other)->traffic.packets(), 0u);
  const LegTraffic& to_peer = receiver.session_traffic[7];
  CHECK_EQ(to_peer.packets(), 3u);
  CHECK_EQ(to_peer.payload_bytes(), 6u);
  CHECK_EQ(to_peer.last_second(), 1'000u);
  sender.tables.peers.Remove(1);
  CHECK_EQ(SendOne(sender), Verdict::kTrunkNoPeer);
  CHECK_EQ(from_peer.packets(), 3u);
}

TEST(LossIsSeenFromSessionSequences) {
  ForwarderFixture sender(0, 500);
  ForwarderFixture receiver(0, 1);
  sender.PutPeer(1, MakePeer("192.0.2.1:3480"));
  sender.PutFlowToTrunk(MakeFlow(), 1, 7);
  receiver.PutPeer(2, MakePeer("192.0.2.5:3480"));
  receiver.PutSession(7, 2, MakeFlow().tuple, 0x4000);
  for (int i = 0; i < 100; ++i) {
    Outgoing out;
    SendOne(sender, &out);
    if (i % 10 == 5) continue;
    OpenedTrunk opened;
    std::unique_ptr<PacketBuffer> buffer;
    CHECK_EQ(Deliver(receiver, out, "192.0.2.5:3480", &opened, &buffer), Verdict::kTrunkData);
    Outgoing delivered;
    CHECK_EQ(receiver.forwarder.ForwardRecord(opened, opened.records.Next(), kNow, &delivered),
             Verdict::kTrunkToClient);
    CHECK_EQ(test::ToHex(delivered.data, delivered.length), std::string("40000002aabb"));
  }
  CHECK_EQ(receiver.traffic[2].records_received.Get(), 90u);
  CHECK_EQ(receiver.traffic[2].records_lost.Get(), 10u);
}

TEST(AnIndexUsedBeforeDoesNotMeetItsPlacesNextUse) {
  ForwarderFixture sender(0, 500);
  ForwarderFixture receiver(0, 1);
  sender.PutPeer(1, MakePeer("192.0.2.1:3480"));
  receiver.PutPeer(2, MakePeer("192.0.2.5:3480"));
  constexpr uint32_t kPlaces = 64;
  const auto verdict = [&](uint32_t index) {
    sender.PutFlowToTrunk(MakeFlow(), 1, index);
    Outgoing out;
    SendOne(sender, &out);
    OpenedTrunk opened;
    std::unique_ptr<PacketBuffer> buffer;
    CHECK_EQ(Deliver(receiver, out, "192.0.2.5:3480", &opened, &buffer), Verdict::kTrunkData);
    Outgoing delivered;
    return receiver.forwarder.ForwardRecord(opened, opened.records.Next(), kNow, &delivered);
  };
  receiver.PutSession(7, 2, MakeFlow().tuple, 0x4000);
  CHECK_EQ(verdict(7), Verdict::kTrunkToClient);
  CHECK_EQ(verdict(7 + kPlaces), Verdict::kTrunkUnbound);
  receiver.PutSession(7 + 5 * kPlaces, 2, MakeFlow().tuple, 0x4000);
  CHECK_EQ(verdict(7), Verdict::kTrunkUnbound);
  CHECK_EQ(verdict(7 + 5 * kPlaces), Verdict::kTrunkToClient);
}

TEST(ProbeAndReply) {
  ForwarderFixture a(0, 500);
  ForwarderFixture b(0, 900);
  a.PutPeer(1, MakePeer("192.0.2.2:3480"));
  b.PutPeer(1, MakePeer("192.0.2.1:3480"));
  uint8_t datagram[kProbeDatagramBytes];
  Outgoing probe;
  CHECK(a.forwarder.MakeProbe(1, 42, nullptr, kNow, datagram, &probe));
  CHECK(!a.forwarder.MakeProbe(3, 42, nullptr, kNow, datagram, &probe));
  const PacketBuffer at_b(probe.data, probe.length, test::ToTuple(0, "192.0.2.1:3480"));
  OpenedTrunk opened;
  Outgoing reply;
  CHECK_EQ(b.forwarder.OpenTrunk(at_b.packet(), kNow, &opened, &reply), Verdict::kTrunkProbe);
  const PacketBuffer at_a(reply.data, reply.length, test::ToTuple(0, "192.0.2.2:3480"));
  const Now later{kNow.monotonic_ns + 1'234, kNow.trunk_epoch};
  CHECK_EQ(a.forwarder.OpenTrunk(at_a.packet(), later, &opened, &probe), Verdict::kTrunkProbeReply);
  CHECK_EQ(opened.probe_number, 42u);
  CHECK_EQ(opened.rtt_ns, 1'234u);
}

}  // namespace
}  // namespace turnpike
