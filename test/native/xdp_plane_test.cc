// The fast path attached to devices: real sockets at both ends receive what it forwarded.
#include "xdp/xdp_plane.h"

#include <signal.h>
#include <sys/wait.h>

#include <cstdio>
#include <memory>

#include "base/units.h"
#include "check.h"
#include "net_world.h"
#include "wire/trunk_datagram.h"
#include "xdp_frames.h"
#include "xdp_scene.h"

namespace turnpike::test {
namespace {

constexpr SipKey kKey{11, 22};
constexpr uint32_t kSlot = 1;
constexpr int kWaitMs = 5'000;
const Bytes kHello{'h', 'e', 'l', 'l', 'o'};

uint16_t Today() { return TrunkEpochOf(static_cast<uint64_t>(time(nullptr))); }

// A client and another relay, each by a veth of its own at our relay.
class World {
 public:
  // False, and said, where the rights for it are missing.
  bool Make() {
    if (!client_host.Make() || !relay_host.Make() || !other_host.Make()) {
      std::printf("skipped: network namespaces need root\n");
      return false;
    }
    Join(client_host, "c0", "r0", "1");
    Join(other_host, "t0", "r1", "2");
    return true;
  }
  ~World() {
    for (const int link : links_) close(link);
  }

  XdpOptions Options(const std::string& client = "10.77.1.1",
                     const std::string& trunk = "10.77.2.1") {
    XdpOptions options;
    options.interfaces = {"r0", "r1"};
    options.sizes = XdpSizes{1'000, 1'000, 4};
    options.client_addresses = {ToEndpoint(Text(client, 3478))};
    options.trunk_addresses = {ToEndpoint(Text(trunk, 3480))};
    options.first_sequence = 1'000;
    options.counters = counters;
    options.traffic = traffic;
    return options;
  }

  static std::string Text(const std::string& ip, int port) {
    const bool ipv6 = ip.find(':') != std::string::npos;
    return (ipv6 ? "[" + ip + "]:" : ip + ":") + std::to_string(port);
  }

  uint64_t Count(Counter counter) const { return counters[static_cast<size_t>(counter)].Get(); }

  Host client_host;
  Host relay_host;
  Host other_host;
  CounterCell counters[kCounterRowCells]{};
  TrunkTraffic traffic[4]{};

 private:
  void Join(const Host& host, const char* far, const char* near, const std::string& net) {
    {
      const Inside inside(host);
      CHECK(Ip(std::string("link add ") + far + " type veth peer name " + near));
      CHECK(Ip(std::string("link set ") + near + " netns " + relay_host.path()));
      CHECK(Ip("addr add 10.77." + net + ".2/24 dev " + far));
      CHECK(Ip("addr add fd77:" + net + "::2/64 dev " + far + " nodad"));
      CHECK(Ip(std::string("link set ") + far + " up"));
      CompleteChecksums(far);
      links_.push_back(AttachPass(far));
    }
    const Inside inside(relay_host);
    CHECK(Ip("addr add 10.77." + net + ".1/24 dev " + near));
    CHECK(Ip("addr add fd77:" + net + "::1/64 dev " + near + " nodad"));
    CHECK(Ip(std::string("link set ") + near + " up"));
  }

  std::vector<int> links_;
};

// The sockets of all three and one connection between them.
struct Connection {
  Connection(World& world, const std::string& client_net, const std::string& trunk_net) {
    const XdpOptions options = world.Options(client_net + "1", trunk_net + "1");
    {
      const Inside inside(world.client_host);
      client = std::make_unique<Udp>(World::Text(client_net + "2", 40'000));
    }
    {
      const Inside inside(world.other_host);
      other = std::make_unique<Udp>(World::Text(trunk_net + "2", 3480));
    }
    const Inside inside(world.relay_host);
    service = std::make_unique<Udp>(ToText(options.client_addresses[0]));
    trunk = std::make_unique<Udp>(ToText(options.trunk_addresses[0]));
    status = plane.Open(options);
    if (!status.ok()) Fail(__FILE__, __LINE__, status.message);
    TrunkPeer peer;
    peer.generation = 7;
    peer.path.remote = other->address();
    peer.sources = {other->address()};
    peer.send_keys.Add(Today(), kKey);
    peer.receive_keys.Add(Today(), kKey);
    plane.PutPeer(kSlot, peer);
    FiveTuple tuple;
    tuple.remote = client->address();
    FlowAction action;
    action.kind = FlowAction::Kind::kTrunk;
    action.slot = kSlot;
    action.generation = 7;
    action.session_index = 99;
    plane.PutFlow(FlowKey{tuple, 0x4000}, action);
    plane.PutSession(SessionAction{5, kSlot, 7, tuple, 0x4000});
  }

  Bytes Trunk(uint64_t number, const Bytes& data) const {
    Bytes datagram(28);
    auto* header = reinterpret_cast<TrunkHeader*>(datagram.data());
    auto* record = reinterpret_cast<RecordHeader*>(datagram.data() + sizeof(TrunkHeader));
    header->SetType(TrunkType::kData);
    header->lane = 4;
    header->key_epoch.Set(Today());
    header->sequence.Set(number);
    record->session_index.Set(5);
    record->payload_bytes.Set(static_cast<uint16_t>(data.size()));
    record->session_sequence.Set(static_cast<uint16_t>(number));
    datagram.insert(datagram.end(), data.begin(), data.end());
    header = reinterpret_cast<TrunkHeader*>(datagram.data());
    StoreLe64(header->tag, DataTag(kKey, datagram.data(), datagram.size()));
    return datagram;
  }

  // Sends until the next hop is known and what is sent arrives at the other end.
  bool ToOther(Bytes* datagram, Endpoint* from) {
    for (int waited_ms = 0; waited_ms < kWaitMs; waited_ms += 50) {
      client->Send(service->address(), XdpScene::ChannelData(0x4000, kHello));
      if (other->Receive(datagram, from, 50)) return true;
    }
    return false;
  }
  bool ToClient(Bytes* message, Endpoint* from) {
    for (int waited_ms = 0; waited_ms < kWaitMs; waited_ms += 50) {
      other->Send(trunk->address(), Trunk(++sequence, kHello));
      if (client->Receive(message, from, 50)) return true;
    }
    return false;
  }
  void ExpectBothWays() {
    Bytes bytes;
    Endpoint from;
    CHECK(ToOther(&bytes, &from));
    CHECK(from == trunk->address());
    CHECK_EQ(bytes.size(), 28 + kHello.size());
    if (bytes.size() >= 28) {
      const auto* header = reinterpret_cast<const TrunkHeader*>(bytes.data());
      CHECK(header->lane >= 128);
      CHECK_EQ(LoadLe64(header->tag), DataTag(kKey, bytes.data(), bytes.size()));
    }
    CHECK(ToClient(&bytes, &from));
    CHECK(from == service->address());
    CHECK(bytes == XdpScene::ChannelData(0x4000, kHello));
  }

  Status status;
  uint64_t sequence = 0;
  std::unique_ptr<Udp> client;
  std::unique_ptr<Udp> other;
  std::unique_ptr<Udp> service;
  std::unique_ptr<Udp> trunk;
  XdpPlane plane;
};

TEST(RealSocketsReceiveWhatItForwardsInAllMixesOfFamilies) {
  World world;
  if (!world.Make()) return;
  for (const std::string client : {"10.77.1.", "fd77:1::"}) {
    for (const std::string trunk : {"10.77.2.", "fd77:2::"}) {
      Connection connection(world, client, trunk);
      connection.ExpectBothWays();
    }
  }
  // Counted by the time it is closed.
  CHECK(world.Count(static_cast<Counter>(Verdict::kClientToTrunk)) >= 4);
  CHECK(world.Count(static_cast<Counter>(Verdict::kTrunkToClient)) >= 4);
  CHECK(world.Count(Counter::kClientRxPackets) >= 4);
  CHECK(world.traffic[kSlot].records_sent.Get() >= 4);
  CHECK(world.traffic[kSlot].records_received.Get() >= 4);
  CHECK_EQ(world.Count(Counter::kSendErrors), 0u);
}

TEST(WhatItDoesNotKnowReachesTheSockets) {
  World world;
  if (!world.Make()) return;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  connection.service->Drain();
  connection.trunk->Drain();
  Bytes bytes;
  Endpoint from;
  const auto client_sends = [&](const Bytes& data) {
    connection.client->Send(connection.service->address(), data);
    const bool came = connection.service->Receive(&bytes, &from, kWaitMs);
    CHECK(came && bytes == data && from == connection.client->address());
  };
  // STUN, another channel, padding, and ChannelData that came in fragments.
  client_sends(Bytes(20, 0));
  client_sends(XdpScene::ChannelData(0x4001, kHello));
  Bytes padded = XdpScene::ChannelData(0x4000, kHello);
  padded.resize(padded.size() + 3);
  client_sends(padded);
  client_sends(XdpScene::ChannelData(0x4000, Bytes(4'000)));
  // Too large for the trunk's device with its headers.
  client_sends(XdpScene::ChannelData(0x4000, Bytes(1'460)));
  // A bundle.
  Bytes bundle = connection.Trunk(1'000, kHello);
  bundle.insert(bundle.end(), 8, 0);
  connection.other->Send(connection.trunk->address(), bundle);
  CHECK(connection.trunk->Receive(&bytes, &from, kWaitMs) && bytes == bundle);
  // A removed flow and a removed session.
  FiveTuple tuple;
  tuple.remote = connection.client->address();
  connection.plane.RemoveFlow(FlowKey{tuple, 0x4000});
  client_sends(XdpScene::ChannelData(0x4000, kHello));
  connection.plane.RemoveSession(5);
  connection.other->Send(connection.trunk->address(), connection.Trunk(2'000, kHello));
  CHECK(connection.trunk->Receive(&bytes, &from, kWaitMs));
}

TEST(ReplaysAreDroppedAndCounted) {
  World world;
  if (!world.Make()) return;
  {
    Connection connection(world, "10.77.1.", "10.77.2.");
    connection.ExpectBothWays();
    connection.client->Drain();
    connection.other->Send(connection.trunk->address(),
                           connection.Trunk(connection.sequence, kHello));
    Bytes forged = connection.Trunk(++connection.sequence, kHello);
    forged[12] ^= 1;
    connection.other->Send(connection.trunk->address(), forged);
    Bytes bytes;
    Endpoint from;
    CHECK(!connection.client->Receive(&bytes, &from, 200));
  }
  CHECK_EQ(world.Count(static_cast<Counter>(Verdict::kTrunkReplayed)), 1u);
  CHECK_EQ(world.Count(static_cast<Counter>(Verdict::kTrunkWrongTag)), 1u);
}

TEST(ANeighbourThatChangesIsFollowed) {
  World world;
  if (!world.Make()) return;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  {
    const Inside inside(world.other_host);
    CHECK(Ip("link set t0 address 02:00:00:77:00:09"));
  }
  {
    const Inside inside(world.relay_host);
    CHECK(Ip("neigh replace 10.77.2.2 lladdr 02:00:00:77:00:09 dev r1 nud reachable"));
  }
  connection.ExpectBothWays();
}

TEST(ALinkThatGoesAndComesIsFollowed) {
  World world;
  if (!world.Make()) return;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  {
    const Inside inside(world.other_host);
    CHECK(Ip("link set t0 down"));
  }
  usleep(300'000);
  {
    const Inside inside(world.other_host);
    CHECK(Ip("link set t0 up"));
  }
  connection.other->Drain();
  connection.ExpectBothWays();
}

TEST(ItGoesWithItsProcessAndReplacesNobody) {
  World world;
  if (!world.Make()) return;
  const Inside inside(world.relay_host);
  int ready[2];
  CHECK_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    XdpPlane plane;
    const char ok = plane.Open(world.Options()).ok() ? 'y' : 'n';
    [[maybe_unused]] const ssize_t written = write(ready[1], &ok, 1);
    while (true) pause();
  }
  char ok = 'n';
  CHECK_EQ(read(ready[0], &ok, 1), 1);
  CHECK_EQ(ok, 'y');
  {
    XdpPlane second;
    const Status status = second.Open(world.Options());
    CHECK(!status.ok());
    CHECK_EQ(status.message, std::string("another XDP program is attached to r0"));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  // The kernel detaches as the process ends, perhaps a moment later.
  bool opened = false;
  for (int i = 0; i < 50 && !opened; ++i) {
    XdpPlane plane;
    opened = plane.Open(world.Options()).ok();
    if (!opened) usleep(20'000);
  }
  CHECK(opened);
}

TEST(TheSlowEmulationIsUsedOnlyWhenAllowed) {
  World world;
  if (!world.Make()) return;
  const Inside inside(world.relay_host);
  CHECK(Ip("link add bridge1 type bridge"));
  CHECK(Ip("link set bridge1 up"));
  XdpOptions options = world.Options();
  options.interfaces = {"bridge1"};
  {
    XdpPlane plane;
    const Status status = plane.Open(options);
    CHECK(!status.ok());
    CHECK_EQ(status.message, std::string("the driver of bridge1 cannot run XDP as it is set up"));
  }
  options.generic_allowed = true;
  XdpPlane plane;
  CHECK(plane.Open(options).ok());
  CHECK(plane.generic());
  options.interfaces = {"none"};
  XdpPlane other;
  CHECK_EQ(other.Open(options).message, std::string("there is no network device none"));
}

}  // namespace
}  // namespace turnpike::test
