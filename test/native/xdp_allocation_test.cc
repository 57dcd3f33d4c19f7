// A channel of a TURN allocation (RFC 8656) whose packets are forwarded by the fast path, or by the
// workers where the fast path must not.
#include <cstring>
#include <memory>

#include "plane_fixture.h"
#include "xdp_host_commands.h"

namespace turnpike::test {
namespace {

constexpr uint16_t kChannel = 0x7123;
constexpr uint32_t kBucket = 5;
// Sends at most; between them the next hop may be resolved.
constexpr int kAttempts = 250;
constexpr int kAttemptMs = 20;

// An allocation between a client and a peer in namespaces of their own. The data plane is in a
// third one, and relays from its address on the peer's network.
struct Allocated {
  Allocated(World& in, const std::string& client_net = "10.77.1.",
            const std::string& peer_net = "10.77.2.", uint32_t cells = 64)
      : world(in) {
    {
      const Inside inside(world.client_host);
      client = std::make_unique<Udp>(World::Text(client_net + "2", 40'000));
    }
    {
      const Inside inside(world.other_host);
      peer = std::make_unique<Udp>(World::Text(peer_net + "2", 6'000));
      other_peer = std::make_unique<Udp>(World::Text(peer_net + "2", 6'001));
    }
    const Inside inside(world.relay_host);
    relayed_ip = ToTransportAddress(World::Text(peer_net + "1", 0));
    plane = std::make_unique<PlaneFixture>(1, World::Text(client_net + "1", 3478),
                                           World::Text(peer_net + "1", 3480), 1 << 20,
                                           std::vector<RelayedIp>{{relayed_ip.ip, relayed_ip.ip}});
    XdpOptions options = world.Options(client_net + "1", peer_net + "1");
    options.sizes = XdpSizes{cells, 48, 4};
    options.addresses.relayed_ips = {relayed_ip.ip};
    const Status status = xdp.Open(options);
    if (!status.ok()) ADD_FAILURE() << status.message;
    plane->controller->UseFastPath(&xdp);
    relayed.handle = Open(relayed_ip, &relayed.address);
    tuple.handle = TransportHandle::OfListener(Side::kClient, 0);
    tuple.remote = client->address();
    PutChannel(peer->address());
  }
  ~Allocated() {
    // In the binding's order: the forwarding ends before the cells are freed.
    xdp.Close();
    plane.reset();
  }

  struct Endpoint {
    TransportHandle handle;
    TransportAddress address;
  };

  TransportHandle Open(TransportAddress at, TransportAddress* bound) {
    TransportHandle handle;
    EXPECT_EQ(controller().OpenEndpoint(0, EndpointKind::kRelayed, at, &handle), StatusCode::kOk);
    EndpointReport report{};
    WaitFor([&] {
      alignas(8) uint8_t buffer[1'024];
      const bool any = controller().Drain(buffer, sizeof(buffer), {1, 1, 1}) >= sizeof(report);
      if (any) std::memcpy(&report, buffer, sizeof(report));
      return any;
    });
    EXPECT_EQ(report.status, StatusCode::kOk);
    at.port = report.port;
    *bound = at;
    return handle;
  }

  FlowKey ClientKey() const { return {tuple, kChannel}; }
  FlowKey KeyOf(const TransportAddress& of) const {
    return PeerKey({of, IpAddress{}, relayed.handle});
  }
  void PutChannel(const TransportAddress& to, uint32_t lifetime_seconds = 600) {
    FlowAction action;
    action.kind = FlowAction::Kind::kPeer;
    action.tuple = {to, IpAddress{}, relayed.handle};
    EXPECT_EQ(controller().PutClientFlow(0, ClientKey(), action, lifetime_seconds),
              StatusCode::kOk);
    action.kind = FlowAction::Kind::kClient;
    action.tuple = tuple;
    action.channel = kChannel;
    EXPECT_EQ(controller().PutClientFlow(0, KeyOf(to), action, lifetime_seconds), StatusCode::kOk);
    Settle();
  }

  // Sends ChannelData until it arrives at a peer. Returns whether it did.
  bool ToPeer(Udp& to) {
    for (int i = 0; i < kAttempts; ++i) {
      ++sent_by_client;
      client->Send(plane->client_address(), XdpScene::ChannelData(kChannel, kHello));
      Bytes bytes;
      TransportAddress from;
      if (!to.Receive(&bytes, &from, kAttemptMs)) continue;
      EXPECT_TRUE(bytes == kHello && from == relayed.address);
      return true;
    }
    return false;
  }
  // Sends a peer's datagrams until one arrives at the client as ChannelData.
  bool ToClient(Udp& of) {
    for (int i = 0; i < kAttempts; ++i) {
      ++sent_by_peer;
      of.Send(relayed.address, kHello);
      Bytes bytes;
      TransportAddress from;
      if (!client->Receive(&bytes, &from, kAttemptMs)) continue;
      EXPECT_TRUE(bytes == XdpScene::ChannelData(kChannel, kHello));
      EXPECT_TRUE(from == plane->client_address());
      return true;
    }
    return false;
  }
  uint64_t ByWorker(Verdict verdict) const { return plane->Count(verdict); }
  // Whether the program forwards both ways, or soon does.
  bool IsForwardedByProgram(Udp& to) {
    for (int i = 0; i < kAttempts; ++i) {
      const uint64_t out = ByWorker(Verdict::kClientToPeer);
      const uint64_t in = ByWorker(Verdict::kPeerToClient);
      if (!ToPeer(to) || !ToClient(to)) return false;
      if (ByWorker(Verdict::kClientToPeer) == out && ByWorker(Verdict::kPeerToClient) == in) {
        return true;
      }
      usleep(kAttemptMs * 1'000);
    }
    return false;
  }
  // Expects that a datagram each way is forwarded, and by the worker.
  void ExpectByWorker(Udp& to) {
    const uint64_t out = ByWorker(Verdict::kClientToPeer);
    const uint64_t in = ByWorker(Verdict::kPeerToClient);
    EXPECT_TRUE(ToPeer(to) && ToClient(to));
    EXPECT_TRUE(ByWorker(Verdict::kClientToPeer) > out);
    EXPECT_TRUE(ByWorker(Verdict::kPeerToClient) > in);
  }
  // Sends a datagram each way until a worker has counted these verdicts, and expects that none is
  // delivered.
  void ExpectRefused(Verdict of_client, Verdict of_peer) {
    const uint64_t out = ByWorker(of_client);
    const uint64_t in = ByWorker(of_peer);
    client->Drain();
    peer->Drain();
    client->Send(plane->client_address(), XdpScene::ChannelData(kChannel, kHello));
    peer->Send(relayed.address, kHello);
    WaitFor([&] { return ByWorker(of_client) > out && ByWorker(of_peer) > in; });
    Bytes bytes;
    TransportAddress from;
    EXPECT_FALSE(client->Receive(&bytes, &from, 0));
    EXPECT_FALSE(peer->Receive(&bytes, &from, 0));
  }
  // Returns the packets of a flow, by program and worker.
  uint64_t Counted(const FlowKey& key) {
    uint32_t number = 0;
    EXPECT_TRUE(controller().FlowNumber(0, key, &number));
    return controller().FlowCounters(0, number)->traffic.packets() +
           world.flow_traffic[number].packets();
  }
  // Waits until the worker has executed all commands.
  void Settle() {
    const uint64_t pushed = plane->pool.workers()[0]->commands().pushed();
    WaitFor([&] { return plane->pool.workers()[0]->applied() >= pushed; });
  }
  Controller& controller() { return *plane->controller; }

  World& world;
  uint64_t sent_by_client = 0;
  uint64_t sent_by_peer = 0;
  TransportAddress relayed_ip;
  Endpoint relayed;
  FiveTuple tuple;
  std::unique_ptr<Udp> client;
  std::unique_ptr<Udp> peer;
  std::unique_ptr<Udp> other_peer;
  // Its cells outlive the workers.
  XdpPlane xdp;
  std::unique_ptr<PlaneFixture> plane;
};

TEST(XdpAllocation, AChannelIsForwardedInAllMixesOfFamiliesAndCounted) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  uint64_t by_worker = 0;
  uint64_t sent = 0;
  for (const std::string client : {"10.77.1.", "fd77:1::"}) {
    for (const std::string peer : {"10.77.2.", "fd77:2::"}) {
      Allocated turn(world, client, peer);
      EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
      // The counters have all that both have forwarded.
      WaitFor([&] { return turn.Counted(turn.ClientKey()) == turn.sent_by_client; });
      WaitFor([&] { return turn.Counted(turn.KeyOf(turn.peer->address())) == turn.sent_by_peer; });
      by_worker += turn.ByWorker(Verdict::kClientToPeer);
      sent += turn.sent_by_client;
    }
  }
  // Those of the plane are complete when it is closed.
  EXPECT_EQ(world.Count(static_cast<Counter>(Verdict::kClientToPeer)) + by_worker, sent);
  EXPECT_TRUE(world.Count(static_cast<Counter>(Verdict::kClientToPeer)) >= 4);
  EXPECT_TRUE(world.Count(static_cast<Counter>(Verdict::kPeerToClient)) >= 4);
  EXPECT_EQ(world.Count(Counter::kRelayedTxPackets),
            world.Count(static_cast<Counter>(Verdict::kClientToPeer)));
  EXPECT_EQ(world.Count(Counter::kRelayedTxBytes),
            world.Count(Counter::kRelayedTxPackets) * kHello.size());
  EXPECT_EQ(world.Count(Counter::kSendErrors), 0u);
}

TEST(XdpAllocation, AnExpiredChannelIsRefusedUntilTheRefresh) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  turn.PutChannel(turn.peer->address(), 1);
  // The program judges the expiry by its own clock.
  usleep(2'500'000);
  turn.ExpectRefused(Verdict::kChannelExpired, Verdict::kPeerNoPermission);
  turn.PutChannel(turn.peer->address());
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
}

TEST(XdpAllocation, RemovedFlowsAreRefused) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  EXPECT_EQ(turn.controller().RemoveClientFlow(0, turn.ClientKey()), StatusCode::kOk);
  EXPECT_EQ(turn.controller().RemoveClientFlow(0, turn.KeyOf(turn.peer->address())),
            StatusCode::kOk);
  turn.Settle();
  turn.ExpectRefused(Verdict::kChannelUnknown, Verdict::kPeerNoPermission);
}

TEST(XdpAllocation, WhatLeadsToAClosedEndpointIsNotForwarded) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  EXPECT_EQ(turn.controller().CloseEndpoint(turn.relayed.handle), StatusCode::kOk);
  turn.Settle();
  turn.peer->Drain();
  turn.client->Send(turn.plane->client_address(), XdpScene::ChannelData(kChannel, kHello));
  WaitFor([&] { return turn.plane->Count(Counter::kEndpointGone) == 1; });
  Bytes bytes;
  TransportAddress from;
  EXPECT_FALSE(turn.peer->Receive(&bytes, &from, 0));
}

TEST(XdpAllocation, AReplacedChannelLeadsToTheOtherPeerOnly) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  const FlowKey before = turn.KeyOf(turn.peer->address());
  EXPECT_EQ(turn.controller().RemoveClientFlow(0, before), StatusCode::kOk);
  turn.PutChannel(turn.other_peer->address());
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.other_peer));
  const uint64_t refused = turn.ByWorker(Verdict::kPeerNoPermission);
  turn.peer->Send(turn.relayed.address, kHello);
  WaitFor([&] { return turn.ByWorker(Verdict::kPeerNoPermission) == refused + 1; });
}

TEST(XdpAllocation, APermissionWithoutAChannelIsTheWorkers) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  // It takes the place of the flow with the channel.
  FlowAction action;
  action.kind = FlowAction::Kind::kClient;
  action.tuple = turn.tuple;
  action.channel = static_cast<uint16_t>(FlowChannel::kNone);
  EXPECT_EQ(turn.controller().PutClientFlow(0, turn.KeyOf(turn.peer->address()), action, 600),
            StatusCode::kOk);
  turn.Settle();
  turn.peer->Send(turn.relayed.address, kHello);
  Bytes bytes;
  TransportAddress from;
  EXPECT_TRUE(turn.client->Receive(&bytes, &from, kWaitMs));
  // A Data indication (RFC 8656 section 18).
  EXPECT_EQ(Get16(bytes, 0), 0x0017);
}

TEST(XdpAllocation, ABucketWithARateLeavesItsFlowsToTheWorkers) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  FlowAction action;
  action.kind = FlowAction::Kind::kPeer;
  action.tuple = {turn.peer->address(), IpAddress{}, turn.relayed.handle};
  action.bucket = kBucket;
  EXPECT_EQ(turn.controller().PutClientFlow(0, turn.ClientKey(), action, 600), StatusCode::kOk);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  EXPECT_EQ(turn.controller().SetBandwidth(kBucket, 1'000'000), StatusCode::kOk);
  const uint64_t out = turn.ByWorker(Verdict::kClientToPeer);
  EXPECT_TRUE(turn.ToPeer(*turn.peer));
  EXPECT_TRUE(turn.ByWorker(Verdict::kClientToPeer) > out);
  EXPECT_EQ(turn.controller().SetBandwidth(kBucket, 0), StatusCode::kOk);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
}

TEST(XdpAllocation, FlowsWithoutACellAreTheWorkers) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world, "10.77.1.", "10.77.2.", 2);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  // A repeated put keeps the cells.
  for (int i = 0; i < 10; ++i) turn.PutChannel(turn.peer->address());
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  FlowAction action;
  action.kind = FlowAction::Kind::kClient;
  action.tuple = turn.tuple;
  action.channel = kChannel;
  EXPECT_EQ(turn.controller().PutClientFlow(0, turn.KeyOf(turn.other_peer->address()), action, 600),
            StatusCode::kOk);
  turn.Settle();
  const uint64_t in = turn.ByWorker(Verdict::kPeerToClient);
  EXPECT_TRUE(turn.ToClient(*turn.other_peer));
  EXPECT_TRUE(turn.ByWorker(Verdict::kPeerToClient) > in);
}

TEST(XdpAllocation, WhatOneAllocationSendsToAnotherIsTheWorkers) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  TransportAddress second;
  {
    const Inside inside(world.relay_host);
    turn.Open(turn.relayed_ip, &second);
  }
  turn.PutChannel(second);
  const uint64_t delivered = turn.plane->Count(Counter::kDelivered);
  turn.client->Send(turn.plane->client_address(), XdpScene::ChannelData(kChannel, kHello));
  WaitFor([&] { return turn.plane->Count(Counter::kDelivered) > delivered; });
  EXPECT_EQ(turn.plane->Count(Counter::kDelivered), delivered + 1);
}

TEST(XdpAllocation, ARelayedAddressThatTheHostsRulesAffectIsTheWorkers) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  const Inside inside(world.relay_host);
  const std::string from =
      "ip saddr 10.77.2.1 udp sport " + std::to_string(turn.relayed.address.port);
  EXPECT_TRUE(Shell(Nft(kOutput, from + " ip dscp set cs1")));
  const auto is_left_out = [&] {
    uint64_t sockets = 0;
    for (const XdpPlane::HostFinding& each : turn.xdp.HostFindings()) {
      if (each.leaves_out) sockets |= each.finding.sockets;
    }
    return (sockets >> TP_RELAYED_FIRST & 1) != 0;
  };
  WaitFor(is_left_out);
  turn.ExpectByWorker(*turn.peer);
  EXPECT_TRUE(Shell(kNoTable));
  WaitFor([&] { return !is_left_out(); });
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
}

TEST(XdpAllocation, TheWorkersForwardAfterTheProgramIsDetached) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  turn.xdp.Close();
  turn.ExpectByWorker(*turn.peer);
}

}  // namespace
}  // namespace turnpike::test
