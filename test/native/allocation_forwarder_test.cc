#include "forward/allocation_forwarder.h"

#include <gtest/gtest.h>

#include "forwarder_fixture.h"
#include "table/relayed_addresses.h"
#include "wire/channel_data.h"

namespace turnpike {
namespace {

using test::FromHex;
using test::PacketBuffer;
using test::ToHex;
using test::ToTransportAddress;
using test::ToTuple;

const TransportHandle kRelayed(Transport::kUdp, 0, 7, 40);
const FiveTuple kClient = ToTuple(0, "203.0.113.7:40000");
constexpr uint16_t kChannel = 0x5fff;
const Now kNow{10 * kNsPerSecond, 325};
// To 192.0.2.1:32853.
const std::string kSend =
    "001600182112a442b7e7a701bc34d686fa87dfae"
    "001200080001a147e112a6430013000568656c6c6f000000";

FiveTuple Peer(const std::string& address) {
  return FiveTuple{ToTransportAddress(address), IpAddress{}, kRelayed};
}

// A client with an allocation.
struct Scene {
  Scene() { fixture.PutAllocation(kClient, kRelayed); }

  Flow& Permit(const std::string& ip) {
    const FlowKey key = PermissionKey(ToTransportAddress(ip + ":0").ip, kRelayed);
    fixture.PutPeerFlow(key, kClient);
    return *fixture.tables.flows.Find(key);
  }
  Flow& Bind(const std::string& address) {
    const FlowKey key = PeerKey(Peer(address));
    fixture.PutPeerFlow(key, kClient, kChannel);
    return *fixture.tables.flows.Find(key);
  }
  Verdict FromClient(const std::string& hex, const FiveTuple& tuple = kClient) {
    const auto bytes = FromHex(hex);
    from_client = std::make_unique<PacketBuffer>(bytes.data(), bytes.size(), tuple, traffic_class);
    return fixture.ForwardClient(from_client->packet(), kNow, &out);
  }
  Verdict FromPeer(const std::string& address, const std::string& text, bool headroom = true) {
    const auto* data = reinterpret_cast<const uint8_t*>(text.data());
    from_peer = std::make_unique<PacketBuffer>(data, text.size(), Peer(address), traffic_class);
    return fixture.ForwardPeer(headroom ? from_peer->packet() : from_peer->WithoutHeadroom(), kNow,
                               &out);
  }

  test::ForwarderFixture fixture{1, 1};
  std::unique_ptr<PacketBuffer> from_client;
  std::unique_ptr<PacketBuffer> from_peer;
  Outgoing out{};
  // Of what comes.
  uint8_t traffic_class = 0;
};

TEST(AllocationForwarder, ASendIndicationLeavesBareToAPermittedPeer) {
  Scene scene;
  EXPECT_EQ(scene.FromClient(kSend), Verdict::kSendNoPermission);
  scene.Permit("192.0.2.1");
  ASSERT_EQ(scene.FromClient(kSend), Verdict::kClientToPeer);
  EXPECT_EQ(ToHex(scene.out.data, scene.out.length), "68656c6c6f");
  EXPECT_EQ(*scene.out.path, Peer("192.0.2.1:32853"));
  EXPECT_EQ(scene.fixture.tables.flows.Find(SendKey(kClient, true))->traffic.payload_bytes(), 5u);
  EXPECT_EQ(scene.FromClient(kSend, ToTuple(0, "203.0.113.7:40001")), Verdict::kSendNoAllocation);
}

TEST(AllocationForwarder, AChannelPermitsItsPeerAlone) {
  Scene scene;
  scene.Bind("192.0.2.1:32853");
  EXPECT_EQ(scene.FromClient(kSend), Verdict::kClientToPeer);
  EXPECT_EQ(scene.FromPeer("192.0.2.1:32854", "x"), Verdict::kPeerNoPermission);
}

TEST(AllocationForwarder, ThePermissionOrChannelTellsWhetherThePeerIsARelayedAddress) {
  for (const bool is_channel : {false, true}) {
    Scene scene;
    Flow& flow = is_channel ? scene.Bind("192.0.2.1:32853") : scene.Permit("192.0.2.1");
    ASSERT_EQ(scene.FromClient(kSend), Verdict::kClientToPeer);
    EXPECT_EQ(scene.out.relayed_number, RelayedAddresses::kNone);
    flow.action.relayed_number = 3;
    ASSERT_EQ(scene.FromClient(kSend), Verdict::kClientToPeer);
    EXPECT_EQ(scene.out.relayed_number, 3);
  }
}

TEST(AllocationForwarder, TheTrafficClassIsThatOfTheDatagramBothWays) {
  Scene scene;
  scene.Permit("192.0.2.1");
  scene.traffic_class = 0xb9;
  ASSERT_EQ(scene.FromClient(kSend), Verdict::kClientToPeer);
  EXPECT_EQ(scene.out.traffic_class, 0xb9);
  ASSERT_EQ(scene.FromPeer("192.0.2.1:32853", "x"), Verdict::kPeerToClient);
  EXPECT_EQ(scene.out.traffic_class, 0xb9) << "of a Data indication";
  scene.Bind("192.0.2.1:32853");
  ASSERT_EQ(scene.FromPeer("192.0.2.1:32853", "x", false), Verdict::kPeerToClient);
  EXPECT_EQ(scene.out.traffic_class, 0xb9) << "of ChannelData in other memory";
  FlowAction& action = scene.fixture.tables.flows.FindOrInsert(FlowKey{kClient, kChannel})->action;
  action.kind = FlowAction::Kind::kPeer;
  action.tuple = Peer("192.0.2.1:32853");
  ASSERT_EQ(scene.FromClient("5fff000178"), Verdict::kClientToPeer);
  EXPECT_EQ(scene.out.traffic_class, 0xb9) << "of a channel";
  action.kind = FlowAction::Kind::kClient;
  ASSERT_EQ(scene.FromClient("5fff000178"), Verdict::kClientToClient);
  EXPECT_EQ(scene.out.traffic_class, 0) << "between two legs";
}

TEST(AllocationForwarder, OnlyBetweenIpv4SidesDontFragmentCounts) {
  const std::string to_ipv4 = "001200080001a147e112a643";
  const std::string to_ipv6 = "001200140002a1470113a9faa5d3f179bc25f4b5bed2b9d9";
  const std::string dont_fragment = "001a0000";
  const std::string data = "0013000568656c6c6f000000";
  const FiveTuple client_of_ipv6 = ToTuple(0, "[2001:db8::7]:40000");
  for (const bool is_ipv6_client : {false, true}) {
    for (const bool is_ipv6_peer : {false, true}) {
      for (const bool asks : {false, true}) {
        Scene scene;
        const FiveTuple& client = is_ipv6_client ? client_of_ipv6 : kClient;
        scene.fixture.PutAllocation(client, kRelayed);
        scene.Permit(is_ipv6_peer ? "[2001:db8:1234:5678:11:2233:4455:6677]" : "192.0.2.1");
        const std::string attributes =
            (is_ipv6_peer ? to_ipv6 : to_ipv4) + (asks ? dont_fragment : "") + data;
        const uint8_t length = static_cast<uint8_t>(attributes.size() / 2);
        ASSERT_EQ(scene.FromClient("001600" + ToHex(&length, 1) +
                                       "2112a442b7e7a701bc34d686fa87dfae" + attributes,
                                   client),
                  Verdict::kClientToPeer);
        EXPECT_EQ(scene.out.unfragmented, asks && !is_ipv6_client && !is_ipv6_peer);
      }
    }
  }
}

TEST(AllocationForwarder, ExpiredEntriesForwardNothing) {
  Scene scene;
  const Expiry over = Expiry::After(1, 1);
  Flow& permission = scene.Permit("192.0.2.1");
  Flow& channel = scene.Bind("192.0.2.1:32853");
  channel.expiry = over;
  EXPECT_EQ(scene.FromClient(kSend), Verdict::kClientToPeer);
  ASSERT_EQ(scene.FromPeer("192.0.2.1:32853", "x"), Verdict::kPeerToClient);
  EXPECT_EQ(StunTypeOf(scene.out.data), kDataIndication) << "the permission outlives the channel";
  permission.expiry = over;
  EXPECT_EQ(scene.FromClient(kSend), Verdict::kSendNoPermission);
  EXPECT_EQ(scene.FromPeer("192.0.2.1:32853", "x"), Verdict::kPeerNoPermission);
  channel.expiry = Expiry{};
  scene.fixture.tables.flows.Find(SendKey(kClient, true))->expiry = over;
  EXPECT_EQ(scene.FromClient(kSend), Verdict::kSendNoAllocation);
}

TEST(AllocationForwarder, APermissionIsOfItsAllocationAlone) {
  Scene scene;
  const TransportHandle other(Transport::kUdp, 0, 8, 41);
  scene.fixture.PutPeerFlow(PermissionKey(ToTransportAddress("192.0.2.1:0").ip, other), kClient);
  EXPECT_EQ(scene.FromClient(kSend), Verdict::kSendNoPermission);
  EXPECT_EQ(scene.FromPeer("192.0.2.1:32853", "x"), Verdict::kPeerNoPermission);
}

TEST(AllocationForwarder, APermissionMayHoldForSomePortsOnly) {
  Scene scene;
  FlowAction& action = scene.Permit("192.0.2.1").action;
  const struct {
    uint16_t min, max;
    bool permitted;
  } ranges[] = {{32853, 32853, true}, {1, 65535, true}, {32854, 65535, false}, {1, 32852, false}};
  for (const auto& range : ranges) {
    action.port_min = range.min;
    action.port_max = range.max;
    EXPECT_EQ(scene.FromClient(kSend),
              range.permitted ? Verdict::kClientToPeer : Verdict::kSendNoPermission);
    EXPECT_EQ(scene.FromPeer("192.0.2.1:32853", "x"),
              range.permitted ? Verdict::kPeerToClient : Verdict::kPeerNoPermission);
  }
}

TEST(AllocationForwarder, SendIndicationsLeaveByTheRelayedAddressOfTheirFamily) {
  Scene scene;
  scene.Permit("192.0.2.1");
  scene.fixture.tables.flows.Erase(SendKey(kClient, true));
  EXPECT_EQ(scene.FromClient(kSend), Verdict::kSendNoAllocation);
}

TEST(AllocationForwarder, PortZeroMatchesNoPermission) {
  Scene scene;
  scene.Permit("192.0.2.1");
  EXPECT_EQ(scene.FromPeer("192.0.2.1:0", "x"), Verdict::kSourcePortZero);
  // Port 0 XOR the magic cookie.
  std::string send = kSend;
  send.replace(send.find("a147"), 4, "2112");
  EXPECT_EQ(scene.FromClient(send), Verdict::kSendNoPermission);
}

TEST(AllocationForwarder, APeersDatagramComesAsChannelDataInPlaceOrCopied) {
  Scene scene;
  Flow& flow = scene.Bind("192.0.2.1:32853");
  for (const bool headroom : {true, false}) {
    ASSERT_EQ(scene.FromPeer("192.0.2.1:32853", "abcde", headroom), Verdict::kPeerToClient);
    EXPECT_EQ(ToHex(scene.out.data, scene.out.length), "5fff00056162636465");
    EXPECT_EQ(*scene.out.path, kClient);
    EXPECT_EQ(scene.fixture.room == nullptr, headroom);
  }
  EXPECT_EQ(flow.traffic.packets(), 2u);
  EXPECT_EQ(flow.traffic.payload_bytes(), 10u);
}

TEST(AllocationForwarder, APeersDatagramComesAsADataIndication) {
  Scene scene;
  scene.Permit("[2001:db8::1]");
  for (const std::string text : {"", "a", "ab", "abc", "abcd"}) {
    for (const bool headroom : {true, false}) {
      ASSERT_EQ(scene.FromPeer("[2001:db8::1]:9", text, headroom), Verdict::kPeerToClient);
      // Padding needs room that a datagram without bytes behind it lacks.
      EXPECT_EQ(scene.fixture.room == nullptr, headroom && text.size() % 4 == 0);
      ASSERT_EQ(ClassifyStun(scene.out.data, scene.out.length), StunKind::kRequestOrIndication);
      EXPECT_EQ(StunTypeOf(scene.out.data), kDataIndication);
      SendIndication read;
      ASSERT_TRUE(ReadSendIndication(scene.out.data, scene.out.length, &read));
      EXPECT_EQ(read.peer, ToTransportAddress("[2001:db8::1]:9"));
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(read.payload), read.payload_bytes), text);
    }
  }
}

TEST(AllocationForwarder, TransactionIdsDiffer) {
  Scene scene;
  scene.Permit("192.0.2.1");
  ASSERT_EQ(scene.FromPeer("192.0.2.1:1", "abcd"), Verdict::kPeerToClient);
  const std::string first = ToHex(scene.out.data + 8, 12);
  ASSERT_EQ(scene.FromPeer("192.0.2.1:1", "abcd"), Verdict::kPeerToClient);
  EXPECT_NE(ToHex(scene.out.data + 8, 12), first);
}

TEST(AllocationForwarder, ADatagramThatNoIndicationHoldsIsDropped) {
  Scene scene;
  scene.Permit("[2001:db8::1]");
  const std::string longest(kDataIndicationPayloadBytesMax, 'x');
  ASSERT_EQ(scene.FromPeer("[2001:db8::1]:9", longest), Verdict::kPeerToClient);
  EXPECT_EQ(ClassifyStun(scene.out.data, scene.out.length), StunKind::kRequestOrIndication);
  EXPECT_EQ(scene.FromPeer("[2001:db8::1]:9", longest + "x"), Verdict::kPeerTooLong);
}

TEST(AllocationForwarder, WhatExceedsTheBandwidthOfItsUserIsDroppedAndCountedBothWays) {
  Scene scene;
  scene.Permit("192.0.2.1").action.bucket = 1;
  scene.Bind("192.0.2.1:32853").action.bucket = 1;
  Flow& send = *scene.fixture.tables.flows.Find(SendKey(kClient, true));
  send.action.bucket = 1;
  const FlowKey channel{kClient, kChannel};
  Flow& to_peer = *scene.fixture.tables.flows.FindOrInsert(channel);
  to_peer.action.kind = FlowAction::Kind::kPeer;
  to_peer.action.tuple = Peer("192.0.2.1:32853");
  to_peer.action.bucket = 1;
  const std::string data = "5fff000568656c6c6f000000";
  const std::string longest(60'000, 'x');
  scene.fixture.buckets.SetRate(1, 1);
  ASSERT_EQ(scene.FromPeer("192.0.2.1:32853", longest), Verdict::kPeerToClient);
  ASSERT_EQ(scene.FromClient(kSend), Verdict::kClientToPeer);
  ASSERT_EQ(scene.FromClient(data), Verdict::kClientToPeer);
  EXPECT_EQ(scene.FromPeer("192.0.2.1:32853", longest), Verdict::kOverBandwidth);
  EXPECT_EQ(scene.FromPeer("192.0.2.1:1", longest), Verdict::kOverBandwidth);
  while (scene.FromClient(kSend) == Verdict::kClientToPeer) {
  }
  EXPECT_EQ(scene.FromClient(data), Verdict::kOverBandwidth);
  EXPECT_EQ(send.OverBandwidth(), 1u);
  EXPECT_EQ(to_peer.OverBandwidth(), 1u);
  EXPECT_EQ(to_peer.traffic.packets(), 1u) << "what is dropped is no traffic";
  EXPECT_EQ(scene.FromPeer("192.0.2.7:1", longest), Verdict::kPeerNoPermission);
  scene.fixture.buckets.SetRate(1, 0);
  EXPECT_EQ(scene.FromClient(data), Verdict::kClientToPeer);
}

TEST(AllocationForwarder, WhatFitsTheTrunkBecomesARecordOfAPeerBehindAnotherRelay) {
  Scene scene;
  scene.Permit("192.0.2.1");
  const FiveTuple peer = Peer("192.0.2.1:32853");
  // DATA before XOR-PEER-ADDRESS: too few bytes before the payload for a record's headers.
  const std::string data_first =
      "001600182112a442b7e7a701bc34d686fa87dfae"
      "0013000568656c6c6f000000001200080001a147e112a643";
  TrunkRecord record;
  const auto make = [&](const std::string& message) {
    const std::vector<uint8_t> bytes = FromHex(message);
    const PacketBuffer buffer(bytes.data(), bytes.size(), kClient);
    Outgoing out{};
    EXPECT_EQ(scene.fixture.ForwardClient(buffer.packet(), kNow, &out), Verdict::kClientToPeer);
    return scene.fixture.forwarder.MakePeerRecord(out, kNow, &record);
  };
  EXPECT_FALSE(make(kSend));
  scene.fixture.PutFlowToTrunk(TrunkPeerKey(peer), 1, 0x01020304);
  EXPECT_FALSE(make(kSend)) << "its IP address is not noted";
  scene.fixture.tables.trunk_peers.Add(peer.remote.ip);
  EXPECT_FALSE(make(kSend)) << "there is no relay";
  RemoteRelay relay = test::MakeRemoteRelay("198.51.100.1:3480");
  relay.bundle_bytes_max = kSingleRecordHeadBytes + 5;
  scene.fixture.PutRemoteRelay(1, std::move(relay));
  EXPECT_TRUE(make(kSend));
  EXPECT_TRUE(record.headroom);
  EXPECT_EQ(record.payload_bytes, 5);
  EXPECT_EQ(record.header.session_index.Get(), 0x01020304u);
  EXPECT_TRUE(make(data_first));
  EXPECT_FALSE(record.headroom);
  EXPECT_EQ(record.header.session_sequence.Get(), 1);
  relay = test::MakeRemoteRelay("198.51.100.1:3480");
  relay.bundle_bytes_max = kSingleRecordHeadBytes + 4;
  scene.fixture.PutRemoteRelay(1, std::move(relay));
  EXPECT_FALSE(make(kSend)) << "it does not fit";
}

TEST(AllocationForwarder, AReplacedFlowStartsAtZeroIfItForwardsElsewhere) {
  Flow flow;
  flow.action.kind = FlowAction::Kind::kPeer;
  flow.CountOverBandwidth();
  flow.Replace(flow.action, false);
  EXPECT_EQ(flow.OverBandwidth(), 1u);
  FlowAction to_trunk;
  to_trunk.kind = FlowAction::Kind::kTrunk;
  flow.Replace(to_trunk, false);
  EXPECT_EQ(flow.next_session_sequence, 0u);
  EXPECT_EQ(flow.bundle_serial, 0u);
  flow.next_session_sequence = 9;
  flow.Replace(to_trunk, true);
  EXPECT_EQ(flow.next_session_sequence, 9u);
}

}  // namespace
}  // namespace turnpike
