// A channel of a TURN allocation (RFC 8656) whose packets are forwarded by the fast path, or by the
// workers where the fast path must not.
#include "xdp_allocated.h"
#include "xdp_host_commands.h"

namespace turnpike::test {
namespace {

constexpr uint32_t kBucket = 5;

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

TEST(XdpAllocation, ABucketWithARateIsTakenFromByTheProgramAndTheWorker) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  FlowAction action;
  action.kind = FlowAction::Kind::kPeer;
  action.tuple = {turn.peer->address(), IpAddress{}, turn.relayed.handle};
  action.bucket = kBucket;
  EXPECT_EQ(turn.controller().PutClientFlow(0, turn.ClientKey(), action, 600), StatusCode::kOk);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  // Gains nothing while the test runs, and holds 65,536 bytes.
  EXPECT_EQ(turn.controller().SetBandwidth(kBucket, 1), StatusCode::kOk);
  const uint64_t by_worker = turn.ByWorker(Verdict::kClientToPeer);
  const uint64_t before = turn.Counted(turn.ClientKey());
  for (int i = 0; i < 100; ++i) {
    turn.client->Send(turn.plane->client_address(),
                      XdpScene::ChannelData(kChannel, Bytes(1'000, 0x55)));
  }
  // The worker gets and refuses what is beyond the bucket.
  WaitFor([&] { return turn.ByWorker(Verdict::kOverBandwidth) >= 35; });
  EXPECT_EQ(turn.ByWorker(Verdict::kOverBandwidth), 35u);
  EXPECT_EQ(turn.ByWorker(Verdict::kClientToPeer), by_worker);
  EXPECT_EQ(turn.Counted(turn.ClientKey()) - before, 65u);
  uint32_t number = 0;
  EXPECT_TRUE(turn.controller().FlowNumber(0, turn.ClientKey(), &number));
  EXPECT_EQ(turn.controller().FlowCounters(0, number)->OverBandwidth(), 35u);
  EXPECT_EQ(turn.controller().SetBandwidth(kBucket, 0), StatusCode::kOk);
  turn.peer->Drain();
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
}

TEST(XdpAllocation, FlowsOfABucketThatTheProgramLacksAreTheWorkers) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  FlowAction action;
  action.kind = FlowAction::Kind::kPeer;
  action.tuple = {turn.peer->address(), IpAddress{}, turn.relayed.handle};
  action.bucket = kBandwidthBucketsMax;
  EXPECT_EQ(turn.controller().PutClientFlow(0, turn.ClientKey(), action, 600), StatusCode::kOk);
  const uint64_t out = turn.ByWorker(Verdict::kClientToPeer);
  EXPECT_TRUE(turn.ToPeer(*turn.peer));
  EXPECT_TRUE(turn.ByWorker(Verdict::kClientToPeer) > out);
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

TEST(XdpAllocation, APeerOnThisHostIsTheWorkers) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Allocated turn(world);
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
  std::unique_ptr<Udp> local;
  {
    const Inside inside(world.relay_host);
    local = std::make_unique<Udp>(World::Text("10.77.1.1", 6'000));
  }
  turn.PutChannel(local->address());
  for (int i = 0; i < 3; ++i) turn.ExpectByWorker(*local);
  turn.PutChannel(turn.peer->address());
  EXPECT_TRUE(turn.IsForwardedByProgram(*turn.peer));
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
