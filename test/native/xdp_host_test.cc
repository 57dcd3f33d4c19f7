// The fast path leaves packets that the host's rules affect to the sockets. Each kind of rule is
// set up and removed.

#include "xdp_host_commands.h"

namespace turnpike::test {
namespace {

struct Found {
  uint32_t sockets = 0;
  std::vector<std::string> devices;
  std::string text;
  uint32_t filters = 0;
};

Found Look(XdpPlane* plane) {
  Found found;
  for (const XdpPlane::HostFinding& each : plane->HostFindings()) {
    found.text += each.finding.what + "; ";
    if (!each.leaves_out) {
      found.filters |= each.finding.sockets;
      continue;
    }
    found.sockets |= each.finding.sockets;
    if (!each.finding.device.empty()) found.devices.push_back(each.finding.device);
  }
  return found;
}

// A connection through the fast path, and commands in the relay's host.
struct Scene {
  bool Make() {
    if (!world.Make()) return false;
    connection = std::make_unique<Connection>(world, "10.77.1.", "10.77.2.");
    connection->ExpectBothWays();
    return true;
  }
  void Do(const std::string& command) {
    const Inside inside(world.relay_host);
    if (!Shell(command)) ADD_FAILURE() << "cannot run: " + command;
  }
  bool Can(const std::string& command) {
    const Inside inside(world.relay_host);
    return Shell(command);
  }
  // Waits until exactly these sockets (a bit set) are left out.
  void ExpectLeftOut(uint32_t sockets, int line) {
    Found found;
    for (int waited_ms = 0; waited_ms < kWaitMs; waited_ms += 10) {
      found = Look(&connection->plane);
      if (found.sockets == sockets) return;
      usleep(10'000);
    }
    ADD_FAILURE_AT(__FILE__, line)
        << "left out is " + std::to_string(found.sockets) + ": " + found.text;
  }
  // Runs a command that leaves these sockets out, and a command that ends this.
  void Expect(const std::string& set, const std::string& unset, uint32_t sockets, int line) {
    Do(set);
    ExpectLeftOut(sockets, line);
    if (sockets != 0) ExpectUp();
    Do(unset);
    ExpectLeftOut(0, line);
    connection->other->Drain();
    connection->client->Drain();
    connection->ExpectBothWays();
  }
  // Expects that the fast path no longer forwards the client's data.
  void ExpectUp() {
    usleep(20'000);
    connection->other->Drain();
    connection->client->Send(connection->service->address(), XdpScene::ChannelData(0x4000, kHello));
    Bytes bytes;
    TransportAddress from;
    EXPECT_FALSE(connection->other->Receive(&bytes, &from, 50));
  }

  World world;
  std::unique_ptr<Connection> connection;
};

#define EXPECT_OUT(set, unset, sockets) scene.Expect(set, unset, sockets, __LINE__)

TEST(XdpHost, ARedirectionLastsUntilConntrackForgetsItsFlows) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  // The setting applies to this namespace only.
  scene.Do("sysctl -w net.netfilter.nf_conntrack_udp_timeout=2");
  std::unique_ptr<Udp> elsewhere;
  {
    const Inside inside(scene.world.relay_host);
    elsewhere = std::make_unique<Udp>("10.77.1.1:4000");
  }
  // Without any rule that needs conntrack the kernel would stop tracking.
  scene.Do("nft 'add table ip o; add chain ip o c { " + std::string(kInput) +
           "; }; add rule ip o c ct state new counter'");
  scene.Do(Nft(kPrerouting, "udp dport 3478 redirect to :4000"));
  scene.ExpectLeftOut(kClients, __LINE__);
  usleep(20'000);
  Bytes bytes;
  TransportAddress from;
  const Bytes message = XdpScene::ChannelData(0x4000, kHello);
  scene.connection->client->Send(scene.connection->service->address(), message);
  EXPECT_TRUE(elsewhere->Receive(&bytes, &from, kWaitMs) && bytes == message);
  // Conntrack continues to translate the flow while it has packets.
  scene.Do("nft flush chain inet t c");
  for (int i = 0; i < 8; ++i) {
    scene.connection->client->Send(scene.connection->service->address(), message);
    EXPECT_TRUE(elsewhere->Receive(&bytes, &from, kWaitMs) && bytes == message);
    scene.ExpectLeftOut(kClients, __LINE__);
    usleep(200'000);
  }
  scene.ExpectLeftOut(0, __LINE__);
  scene.connection->ExpectBothWays();
}

TEST(XdpHost, TranslationsThatConntrackRemembersAreFoundAtTheStart) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(world.relay_host);
  Udp trunk("10.77.2.1:3480");
  EXPECT_TRUE(Shell(Nft(kPostrouting, "ip saddr 10.77.2.1 udp sport 3480 snat ip to 10.77.1.1")));
  trunk.Send(ToTransportAddress("10.77.2.2:3480"), kHello);
  EXPECT_TRUE(Shell(kNoTable));
  XdpPlane plane;
  EXPECT_TRUE(plane.Open(world.Options()).ok());
  EXPECT_EQ(Look(&plane).sockets, kTrunks);
  EXPECT_TRUE(Look(&plane).text.find("conntrack remembers") != std::string::npos);
}

TEST(XdpHost, TouchedSocketsLeaveTheFastPathAndReturn) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  EXPECT_OUT(Nft(kPostrouting, "ip saddr 10.77.2.0/24 snat ip to 10.77.2.9"), kNoTable, kTrunks);
  EXPECT_OUT("ip xfrm policy add src 10.77.1.1 dst 0.0.0.0/0 dir out action block",
             "ip xfrm policy delete src 10.77.1.1 dst 0.0.0.0/0 dir out", kClients);
  EXPECT_OUT("ip rule add fwmark 1 lookup 100", "ip rule del fwmark 1 lookup 100",
             kClients | kTrunks);
  // The kernel sends no notification about legacy iptables rules.
  if (!scene.Can("iptables-legacy -t nat -L")) GTEST_SKIP() << "needs iptables-legacy";
  EXPECT_OUT("iptables-legacy -t nat -A PREROUTING -p udp --dport 3478 -j REDIRECT --to-ports 9",
             "iptables-legacy -t nat -F", kClients);
}

TEST(XdpHost, FiltersLeaveOutSocketsOnlyIfStrict) {
  for (const bool strict : {false, true}) {
    World world;
    if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
    const Inside inside(world.relay_host);
    EXPECT_TRUE(Shell(Nft(kInput, "udp dport 3478 drop")));
    XdpOptions options = world.Options();
    options.strict = strict;
    XdpPlane plane;
    EXPECT_TRUE(plane.Open(options).ok());
    // Found at the start, before the first packet.
    const Found found = Look(&plane);
    EXPECT_EQ(found.sockets, strict ? kClients : 0);
    EXPECT_EQ(found.filters, strict ? 0 : kClients);
  }
}

TEST(XdpHost, RoutingRulesBySourceOrProtocolAreFollowed) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  for (const std::string rule : {"from 10.77.2.1", "ipproto udp", "to 10.77.2.2"}) {
    // A blackhole: the kernel would refuse what the trunk socket sends.
    scene.Do("ip route add blackhole default table 100 && ip rule add " + rule + " lookup 100");
    scene.connection->service->Drain();
    Bytes bytes;
    TransportAddress from;
    bool left = false;
    for (int waited_ms = 0; waited_ms < kWaitMs && !left; waited_ms += 50) {
      scene.connection->client->Send(scene.connection->service->address(),
                                     XdpScene::ChannelData(0x4000, kHello));
      left = scene.connection->service->Receive(&bytes, &from, 50);
    }
    EXPECT_TRUE(left);
    scene.Do("ip rule del " + rule + " lookup 100 && ip route flush table 100");
    scene.connection->other->Drain();
    scene.connection->ExpectBothWays();
  }
}

TEST(XdpHost, ADeviceWithOtherHooksIsLeftOut) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  const auto expect = [&](const std::string& set, const std::string& unset, int line) {
    scene.Do(set);
    XdpPlane* plane = &scene.connection->plane;
    for (int waited_ms = 0; waited_ms < kWaitMs && plane->AttachedDevices().size() > 1;
         waited_ms += 10) {
      usleep(10'000);
    }
    if (plane->AttachedDevices() != std::vector<std::string>{"r0"}) {
      ADD_FAILURE_AT(__FILE__, line) << set + " left nothing out: " + Look(plane).text;
    }
    EXPECT_FALSE(scene.Can("ip link show r1 | grep -q xdp"));
    scene.ExpectUp();
    scene.Do(unset);
    scene.ExpectLeftOut(0, line);
    scene.connection->other->Drain();
    scene.connection->client->Drain();
    scene.connection->ExpectBothWays();
  };
  expect(
      "tc qdisc add dev r1 clsact && tc filter add dev r1 ingress protocol ip u32 match ip "
      "dport 3480 0xffff flowid 1:1",
      "tc qdisc del dev r1 clsact", __LINE__);
  expect(
      "tc qdisc add dev r1 clsact && tc filter add dev r1 egress protocol ip u32 match u32 0 0 "
      "action mirred egress redirect dev r0",
      "tc qdisc del dev r1 clsact", __LINE__);
  scene.Do("ip link add bridge1 type bridge");
  expect("ip link set r1 master bridge1", "ip link set r1 nomaster", __LINE__);
  if (scene.Can("ip link add vrf1 type vrf table 10 && ip link set vrf1 up")) {
    expect("ip link set r1 master vrf1", "ip link set r1 nomaster", __LINE__);
  }
}

TEST(XdpHost, ASocketWithoutItsAddressIsLeftOut) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  scene.Do("ip addr del 10.77.1.1/24 dev r0 && ip addr add 10.77.1.9/24 dev r0");
  scene.ExpectLeftOut(kClients, __LINE__);
  scene.Do("ip addr del 10.77.1.9/24 dev r0 && ip addr add 10.77.1.1/24 dev r0");
  scene.ExpectLeftOut(0, __LINE__);
  scene.connection->ExpectBothWays();
}

}  // namespace
}  // namespace turnpike::test
