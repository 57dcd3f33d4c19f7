// The fast path attached to devices, with sockets at both ends.
#include "xdp/xdp_plane.h"

#include <algorithm>

#include "io/clock.h"
#include "stopped_thread.h"
#include "xdp/netlink.h"
#include "xdp_connection.h"
#include "xdp_refusal.h"

namespace turnpike::test {
namespace {

TEST(XdpPlane, ForwardedDataReachesSocketsInAllMixesOfFamilies) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  for (const std::string client : {"10.77.1.", "fd77:1::"}) {
    for (const std::string trunk : {"10.77.2.", "fd77:2::"}) {
      const uint64_t sent_before = world.traffic[kRelayIndex].records_sent.Get();
      const uint64_t received_before = world.traffic[kRelayIndex].records_received.Get();
      {
        Connection connection(world, client, trunk);
        connection.ExpectBothWays();
      }
      // The counters have all traffic of this connection and no other.
      const LegTraffic& from_peer = world.flow_traffic[kSlot];
      const LegTraffic& to_peer = world.session_traffic[5];
      EXPECT_EQ(from_peer.packets(), world.traffic[kRelayIndex].records_sent.Get() - sent_before);
      EXPECT_EQ(to_peer.packets(),
                world.traffic[kRelayIndex].records_received.Get() - received_before);
      EXPECT_TRUE(from_peer.packets() > 0 && to_peer.packets() > 0);
      EXPECT_EQ(from_peer.payload_bytes(), from_peer.packets() * kHello.size());
      EXPECT_EQ(to_peer.payload_bytes(), to_peer.packets() * kHello.size());
    }
  }
  // The counters are complete when the plane is closed.
  EXPECT_TRUE(world.Count(static_cast<Counter>(Verdict::kClientToTrunk)) >= 4);
  EXPECT_TRUE(world.Count(static_cast<Counter>(Verdict::kTrunkToClient)) >= 4);
  EXPECT_TRUE(world.Count(Counter::kClientRxPackets) >= 4);
  EXPECT_TRUE(world.traffic[kRelayIndex].records_sent.Get() >= 4);
  EXPECT_TRUE(world.traffic[kRelayIndex].records_received.Get() >= 4);
  EXPECT_EQ(world.Count(Counter::kSendErrors), 0u);
}

TEST(XdpPlane, TrunkDataLeavesFromTheLanePorts) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  for (const std::string net : {"10.77.2.", "fd77:2::"}) {
    const std::vector<uint16_t> ports{50'001, 50'002, 50'003};
    Connection connection(world, "10.77.1.", net, ports);
    Bytes bytes;
    TransportAddress from;
    EXPECT_TRUE(connection.ToOther(&bytes, &from));
    EXPECT_TRUE(from.ip == connection.trunk->address().ip);
    EXPECT_TRUE(std::count(ports.begin(), ports.end(), from.port) == 1);
    // The other relay still sends to the trunk address.
    EXPECT_TRUE(connection.ToClient(&bytes, &from));
  }
}

TEST(XdpPlane, AnotherPathUsesAnotherLaneOfEachCpu) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  const uint32_t sets = std::max(TP_LANES / PossibleCpus(), 1u);
  const auto expect_set = [&](uint32_t set) {
    Bytes bytes;
    TransportAddress from;
    connection.other->Drain();
    EXPECT_TRUE(connection.ToOther(&bytes, &from) && bytes.size() >= sizeof(TrunkHeader));
    const auto* header = reinterpret_cast<const TrunkHeader*>(bytes.data());
    EXPECT_TRUE(header->lane >= TP_LANE_FIRST);
    EXPECT_EQ((header->lane - TP_LANE_FIRST) / PossibleCpus(), set);
  };
  expect_set(0);
  // A relay that is put again without another offset keeps its lane.
  connection.plane.PutRemoteRelay(kRelayIndex, connection.relay);
  expect_set(0);
  uint32_t changes = 0;
  for (const int offset : {16, 32, 96, 0}) {
    connection.relay.lane_offset = static_cast<uint8_t>(offset);
    connection.plane.PutRemoteRelay(kRelayIndex, connection.relay);
    expect_set(++changes % sets);
  }
}

TEST(XdpPlane, PacketsWithoutAnEntryReachTheSockets) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  connection.service->Drain();
  connection.trunk->Drain();
  Bytes bytes;
  TransportAddress from;
  const auto client_sends = [&](const Bytes& data) {
    connection.client->Send(connection.service->address(), data);
    const bool came = connection.service->Receive(&bytes, &from, kWaitMs);
    EXPECT_TRUE(came && bytes == data && from == connection.client->address());
  };
  // STUN, another channel, padding, and ChannelData in IP fragments.
  client_sends(Bytes(20, 0));
  client_sends(XdpScene::ChannelData(0x4001, kHello));
  Bytes padded = XdpScene::ChannelData(0x4000, kHello);
  padded.resize(padded.size() + 3);
  client_sends(padded);
  client_sends(XdpScene::ChannelData(0x4000, Bytes(4'000)));
  // Too long for the trunk's device with trunk headers.
  client_sends(XdpScene::ChannelData(0x4000, Bytes(1'460)));
  // A bundle.
  Bytes bundle = MakeTrunk(1'000, kHello);
  bundle.insert(bundle.end(), 8, 0);
  connection.other->Send(connection.trunk->address(), bundle);
  EXPECT_TRUE(connection.trunk->Receive(&bytes, &from, kWaitMs) && bytes == bundle);
  // A removed flow and a removed session.
  FiveTuple tuple;
  tuple.handle = TransportHandle::OfListener(Side::kClient, 0);
  tuple.remote = connection.client->address();
  connection.plane.RemoveFlow(FlowKey{tuple, 0x4000});
  client_sends(XdpScene::ChannelData(0x4000, kHello));
  connection.plane.RemoveSession(5);
  connection.other->Send(connection.trunk->address(), MakeTrunk(2'000, kHello));
  EXPECT_TRUE(connection.trunk->Receive(&bytes, &from, kWaitMs));
}

TEST(XdpPlane, PacketsOfExpiredEntriesReachTheSocketsUntilTheRefresh) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  const Bytes message = XdpScene::ChannelData(0x4000, kHello);
  const auto reach_sockets = [&] {
    Bytes bytes;
    TransportAddress from;
    connection.service->Drain();
    connection.trunk->Drain();
    connection.client->Send(connection.service->address(), message);
    EXPECT_TRUE(connection.service->Receive(&bytes, &from, kWaitMs) && bytes == message);
    const Bytes datagram = MakeTrunk(++connection.sequence, kHello);
    connection.other->Send(connection.trunk->address(), datagram);
    EXPECT_TRUE(connection.trunk->Receive(&bytes, &from, kWaitMs) && bytes == datagram);
  };
  // Expired two seconds ago.
  const uint64_t second = ReadClock().monotonic_second;
  connection.plane.RefreshFlow(connection.flow, Expiry::After(1, second - 4));
  connection.plane.RefreshSession(5, Expiry::After(1, second - 4));
  reach_sockets();
  connection.plane.RefreshFlow(connection.flow, Expiry::After(600, second));
  connection.plane.RefreshSession(5, Expiry::After(600, second));
  connection.other->Drain();
  connection.client->Drain();
  connection.ExpectBothWays();
  // The program judges the expiry by its own clock, without a further call.
  connection.plane.RefreshFlow(connection.flow, ExpiryAfter(1));
  connection.plane.RefreshSession(5, ExpiryAfter(1));
  usleep(2'500'000);
  reach_sockets();
  // A refresh does not restore removed entries.
  connection.plane.RemoveFlow(connection.flow);
  connection.plane.RemoveSession(5);
  connection.plane.RefreshFlow(connection.flow, ExpiryAfter(600));
  connection.plane.RefreshSession(5, ExpiryAfter(600));
  reach_sockets();
}

TEST(XdpPlane, EntriesExpireWhileTheUpkeepThreadStands) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  connection.plane.RefreshFlow(connection.flow, ExpiryAfter(1));
  connection.plane.RefreshSession(5, ExpiryAfter(1));
  connection.service->Drain();
  connection.trunk->Drain();
  // The thread that looks at the host.
  const StoppedThread stopped("turnpike-xdp");
  usleep(2'500'000);
  Bytes bytes;
  TransportAddress from;
  const Bytes message = XdpScene::ChannelData(0x4000, kHello);
  connection.client->Send(connection.service->address(), message);
  EXPECT_TRUE(connection.service->Receive(&bytes, &from, kWaitMs) && bytes == message);
  const Bytes datagram = MakeTrunk(++connection.sequence, kHello);
  connection.other->Send(connection.trunk->address(), datagram);
  EXPECT_TRUE(connection.trunk->Receive(&bytes, &from, kWaitMs) && bytes == datagram);
}

TEST(XdpPlane, AFailedMapUpdateLeavesPacketsToTheSockets) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  connection.service->Drain();
  connection.trunk->Drain();
  const RefusedCall updates{__NR_bpf, 0, BPF_MAP_UPDATE_ELEM};
  Bytes bytes;
  TransportAddress from;
  FiveTuple tuple;
  tuple.handle = TransportHandle::OfListener(Side::kClient, 0);
  tuple.remote = connection.client->address();
  WhileRefused(updates, [&] {
    connection.plane.PutSession(SessionAction{5, kRelayIndex, 7, tuple, 0x4001}, Expiry{});
  });
  const Bytes datagram = MakeTrunk(++connection.sequence, kHello);
  connection.other->Send(connection.trunk->address(), datagram);
  EXPECT_TRUE(connection.trunk->Receive(&bytes, &from, kWaitMs) && bytes == datagram);
  WhileRefused(updates, [&] { connection.plane.PutRemoteRelay(kRelayIndex, connection.relay); });
  const Bytes message = XdpScene::ChannelData(0x4000, kHello);
  connection.client->Send(connection.service->address(), message);
  EXPECT_TRUE(connection.service->Receive(&bytes, &from, kWaitMs) && bytes == message);
  // The relay is written again soon.
  EXPECT_TRUE(connection.ToOther(&bytes, &from));
}

TEST(XdpPlane, ASourceThatDoesNotFitTheMapDisplacesNoOther) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  const TransportAddress genuine = connection.relay.sources[0];
  TransportAddress source = ToTransportAddress("10.78.0.1:1");
  RemoteRelay many = connection.relay;
  many.generation = 8;
  many.shared = std::make_shared<RemoteRelayShared>();
  many.sources.clear();
  for (; source.port <= XdpTables::MapSizes(world.Options().sizes).flows; ++source.port) {
    many.sources.push_back(source);
  }
  connection.plane.PutRemoteRelay(kRelayIndex + 1, many);
  connection.relay.sources.clear();
  for (uint16_t port = 1; port <= kTrunkSourcesMax; ++port) {
    connection.relay.sources.push_back(TransportAddress{ToTransportAddress("10.1.0.1:1").ip, port});
  }
  connection.relay.sources.back() = genuine;
  connection.plane.PutRemoteRelay(kRelayIndex, connection.relay);
  connection.ExpectBothWays();
  // Both relays are retried in turn.
  usleep(500'000);
  connection.ExpectBothWays();
}

TEST(XdpPlane, ReplaysAndForgeriesAreDroppedAndCounted) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  {
    Connection connection(world, "10.77.1.", "10.77.2.");
    connection.ExpectBothWays();
    connection.client->Drain();
    connection.other->Send(connection.trunk->address(), MakeTrunk(connection.sequence, kHello));
    Bytes forged = MakeTrunk(++connection.sequence, kHello);
    forged[12] ^= 1;
    connection.other->Send(connection.trunk->address(), forged);
    Bytes bytes;
    TransportAddress from;
    EXPECT_FALSE(connection.client->Receive(&bytes, &from, 200));
  }
  EXPECT_EQ(world.Count(static_cast<Counter>(Verdict::kTrunkReplayed)), 1u);
  EXPECT_EQ(world.Count(static_cast<Counter>(Verdict::kTrunkWrongTag)), 1u);
}

TEST(XdpPlane, AChangedNeighbourIsFollowed) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  {
    const Inside inside(world.other_host);
    EXPECT_TRUE(Ip("link set t0 address 02:00:00:77:00:09"));
  }
  {
    const Inside inside(world.relay_host);
    EXPECT_TRUE(Ip("neigh replace 10.77.2.2 lladdr 02:00:00:77:00:09 dev r1 nud reachable"));
  }
  connection.ExpectBothWays();
}

TEST(XdpPlane, RouteChangesAreReadOnceASecond) {
  constexpr uint64_t kSecond = 1'000'000'000;
  uint64_t now = 5 * kSecond;
  RefreshThrottle pace;
  EXPECT_FALSE(pace.Due(now));
  pace.OnNews();
  EXPECT_TRUE(pace.Due(now));
  EXPECT_FALSE(pace.Due(now + 2 * kSecond));
  now += 3 * kSecond;
  uint32_t looks = 0;
  for (uint32_t ms = 0; ms < 10'000; ++ms) {
    pace.OnNews();
    looks += pace.Due(now + ms * (kSecond / 1'000));
  }
  EXPECT_EQ(looks, 10u);
  // The last change of a burst is read too.
  EXPECT_TRUE(pace.Due(now + 10 * kSecond));
}

TEST(XdpPlane, AChangedRouteIsFollowed) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  connection.service->Drain();
  // A blackhole: the fast path leaves the packets to the sockets.
  const Inside inside(world.relay_host);
  EXPECT_TRUE(Ip("route add blackhole 10.77.2.2/32"));
  Bytes bytes;
  TransportAddress from;
  const Bytes message = XdpScene::ChannelData(0x4000, kHello);
  bool left = false;
  for (int waited_ms = 0; waited_ms < kWaitMs && !left; waited_ms += 50) {
    connection.client->Send(connection.service->address(), message);
    left = connection.service->Receive(&bytes, &from, 50);
  }
  EXPECT_TRUE(left);
  EXPECT_TRUE(Ip("route del blackhole 10.77.2.2/32"));
  connection.other->Drain();
  connection.ExpectBothWays();
}

TEST(XdpPlane, ALinkThatGoesDownAndUpIsFollowed) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  {
    const Inside inside(world.other_host);
    EXPECT_TRUE(Ip("link set t0 down"));
  }
  usleep(300'000);
  {
    const Inside inside(world.other_host);
    EXPECT_TRUE(Ip("link set t0 up"));
  }
  connection.other->Drain();
  connection.ExpectBothWays();
}

TEST(XdpPlane, ARouteIntoATunnelIsNotUsed) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(world.relay_host);
  if (!Ip("route add 10.99.0.0/24 encap ip id 5 dst 10.77.2.2 dev r1") ||
      !Ip("route add fd99::/64 encap seg6 mode encap segs fd77:2::2 dev r1")) {
    GTEST_SKIP() << "this kernel has no lightweight tunnels";
  }
  EXPECT_TRUE(Ip("route add 10.98.0.0/24 via 10.77.2.2"));
  NetlinkRequests netlink;
  EXPECT_TRUE(netlink.Open().ok());
  Route route;
  const auto found = [&](const char* ip) {
    return netlink.FindRoute(ToTransportAddress(World::Text(ip, 1)).ip, IpAddress{}, &route);
  };
  EXPECT_TRUE(found("10.98.0.1"));
  EXPECT_FALSE(found("10.99.0.1"));
  EXPECT_FALSE(found("fd99::1"));
}

}  // namespace
}  // namespace turnpike::test
