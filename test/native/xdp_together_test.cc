// A connection whose packets are forwarded by the fast path and by the workers in turn. Its
// sequences continue, without loss.
#include <linux/bpf.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "plane_fixture.h"
#include "xdp_refusal.h"
#include "xdp_world.h"

namespace turnpike::test {
namespace {

constexpr uint32_t kRounds = 20;
// Some ticks of the fast path, in which it collects the program's counts, on a busy machine too.
constexpr uint32_t kCollectedUs = 1'000'000;
constexpr RefusedCall kUpdates{__NR_bpf, 0, BPF_MAP_UPDATE_ELEM};

struct Together {
  explicit Together(World& world, uint32_t workers = 1) {
    {
      const Inside inside(world.client_host);
      client = std::make_unique<Udp>("10.77.1.2:40000");
    }
    {
      const Inside inside(world.other_host);
      other = std::make_unique<Udp>("10.77.2.2:3480");
    }
    const Inside inside(world.relay_host);
    xdp = std::make_unique<XdpPlane>();
    plane = std::make_unique<PlaneFixture>(workers, "10.77.1.1:3478", "10.77.2.1:3480");
    XdpOptions options = world.Options();
    options.sizes = XdpSizes{64, 48, 4};
    const Status status = xdp->Open(options);
    if (!status.ok()) ADD_FAILURE() << status.message;
    plane->controller->UseFastPath(xdp.get());
    RemoteRelaySpec spec;
    spec.path.handle = TransportHandle::OfListener(Side::kTrunk, 0);
    spec.path.remote = other->address();
    spec.sources = {other->address()};
    spec.send_keys.Add(Today(), kKey);
    spec.receive_keys.Add(Today(), kKey);
    EXPECT_TRUE(plane->controller->PutRemoteRelay(kRelayIndex, spec) == StatusCode::kOk);
    flow.tuple.handle = TransportHandle::OfListener(Side::kClient, 0);
    flow.tuple.remote = client->address();
    flow.channel = 0x4000;
    action.kind = FlowAction::Kind::kTrunk;
    action.relay_index = kRelayIndex;
    action.session_index = 99;
    PutFlow();
    session.relay_index = kRelayIndex;
    session.tuple = flow.tuple;
    session.channel = 0x4000;
    EXPECT_TRUE(plane->controller->PutSession(5, session) == StatusCode::kOk);
    // The cells, the relay, the flow and the session.
    WaitFor([&] { return plane->Count(Counter::kCommandsApplied) == 4 * workers; });
  }
  ~Together() {
    // In the binding's order: the forwarding ends before the cells are freed.
    xdp->Close();
    plane.reset();
  }

  void PutFlow() {
    EXPECT_TRUE(plane->controller->PutClientFlow(kEveryWorker, flow, action) == StatusCode::kOk);
  }
  // Forwards a record and expects the next session sequence. Returns whether the program sent it.
  bool ForwardNext() {
    const Bytes datagram = Forward(XdpScene::ChannelData(0x4000, kHello));
    EXPECT_EQ(Get16(datagram, 26), next_sequence++);
    return datagram[1] >= 128;
  }
  // Forwards records until the program sends one.
  bool ForwardByProgram() {
    for (uint32_t i = 0; i < 200; ++i) {
      if (ForwardNext()) return true;
      usleep(20'000);
    }
    return false;
  }
  // Sends a record for the session to the client and waits for it.
  void ForwardBack() {
    other->Send(plane->trunk_address(), MakeTrunk(++received_sequence, kHello));
    Bytes bytes;
    TransportAddress from;
    EXPECT_TRUE(client->Receive(&bytes, &from, kWaitMs));
  }
  // Forwards records to the client until the program forwards one.
  bool ForwardBackByProgram() {
    for (uint32_t i = 0; i < 200; ++i) {
      const uint64_t before = plane->Count(Verdict::kTrunkToClient);
      ForwardBack();
      if (plane->Count(Verdict::kTrunkToClient) == before) return true;
      usleep(20'000);
    }
    return false;
  }

  // Sends ChannelData and returns what reaches the other relay.
  Bytes Forward(const Bytes& message) {
    client->Send(plane->client_address(), message);
    Bytes datagram;
    TransportAddress from;
    EXPECT_TRUE(other->Receive(&datagram, &from, kWaitMs));
    EXPECT_TRUE(datagram.size() >= 28);
    datagram.resize(std::max<size_t>(datagram.size(), 28));
    return datagram;
  }

  FlowKey flow;
  FlowAction action;
  SessionAction session;
  uint16_t next_sequence = 0;
  uint64_t received_sequence = 100;
  std::unique_ptr<Udp> client;
  std::unique_ptr<Udp> other;
  // Its cells outlive the workers.
  std::unique_ptr<XdpPlane> xdp;
  std::unique_ptr<PlaneFixture> plane;
};

TEST(XdpTogether, SequencesContinueBetweenProgramAndWorkers) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Together together(world);
  const Bytes plain = XdpScene::ChannelData(0x4000, kHello);
  // The fast path leaves padding to the sockets.
  Bytes padded = plain;
  padded.resize(plain.size() + 3);
  uint16_t expected = 0;
  uint32_t by_program = 0;
  uint32_t by_worker = 0;
  for (uint32_t i = 0; i < 200 && by_program < kRounds; ++i) {
    for (const Bytes& message : {plain, padded}) {
      const Bytes datagram = together.Forward(message);
      EXPECT_EQ(Get16(datagram, 26), expected++);
      ++(datagram[1] >= 128 ? by_program : by_worker);
    }
    // Until the next hop is known.
    if (by_program == 0) usleep(20'000);
  }
  EXPECT_TRUE(by_program >= kRounds);
  EXPECT_TRUE(by_worker >= kRounds);
}

TEST(XdpTogether, ReceivingByProgramAndWorkersCountsNoLoss) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  uint64_t sequence = 100;
  uint64_t records = 0;
  {
    Together together(world);
    EXPECT_TRUE(together.ForwardBackByProgram());
    records = together.received_sequence - sequence;
    sequence = together.received_sequence;
    const auto take = [&together](uint32_t count) {
      Bytes bytes;
      TransportAddress from;
      for (uint32_t i = 0; i < count; ++i)
        EXPECT_TRUE(together.client->Receive(&bytes, &from, kWaitMs));
    };
    for (uint32_t i = 0; i < 3 * kRounds; ++i) {
      together.other->Send(together.plane->trunk_address(), MakeTrunk(++sequence, kHello));
      take(1);
      // The fast path passes two records in one datagram up to the workers.
      Bytes bundle = MakeTrunk(++sequence, kHello);
      const Bytes second = MakeTrunk(++sequence, kHello);
      bundle.insert(bundle.end(), second.begin() + 20, second.end());
      StoreLe64(bundle.data() + 12, DataTag(kKey, bundle.data(), bundle.size()));
      together.other->Send(together.plane->trunk_address(), bundle);
      take(2);
      records += 3;
    }
    together.xdp->Close();
    const TrunkTraffic& by_worker = together.plane->traffic[kRelayIndex];
    const TrunkTraffic& by_program = world.traffic[kRelayIndex];
    EXPECT_TRUE(by_program.records_received.Get() >= kRounds);
    EXPECT_EQ(by_worker.records_received.Get() + by_program.records_received.Get(), records);
    EXPECT_EQ(by_worker.records_lost.Get() + by_program.records_lost.Get(), 0u);
  }
}

TEST(XdpTogether, AFlowThatTheMapRefusesKeepsItsSequenceAndItsCounters) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Together together(world);
  Controller& controller = *together.plane->controller;
  EXPECT_TRUE(together.ForwardByProgram());
  for (uint32_t round = 0; round < 2; ++round) {
    WhileRefused(kUpdates, [&] {
      EXPECT_TRUE(controller.RefreshClientFlow(0, together.flow, 600) == StatusCode::kOk);
    });
    EXPECT_FALSE(together.ForwardNext());
    // Another flow gets no cell of this one.
    FlowKey another = together.flow;
    another.channel = static_cast<uint16_t>(0x4001 + round);
    EXPECT_TRUE(controller.PutClientFlow(0, another, together.action) == StatusCode::kOk);
    WhileRefused(kUpdates, [&] { together.PutFlow(); });
    EXPECT_FALSE(together.ForwardNext());
    if (round == 0) {
      together.PutFlow();
    } else {
      EXPECT_EQ(controller.RefreshClientFlow(0, together.flow, 600), StatusCode::kOk);
    }
    EXPECT_TRUE(together.ForwardByProgram());
  }
  uint32_t number = 0;
  EXPECT_TRUE(controller.FlowNumber(0, together.flow, &number));
  const auto counted = [&] {
    return controller.FlowCounters(0, number)->traffic.packets() +
           world.flow_traffic[number].packets();
  };
  WaitFor([&] { return counted() >= together.next_sequence; });
  EXPECT_EQ(counted(), together.next_sequence);
  // The next flow with these counters starts with none.
  EXPECT_TRUE(together.ForwardNext());
  EXPECT_TRUE(controller.RemoveClientFlow(0, together.flow) == StatusCode::kOk);
  FlowKey next = together.flow;
  next.channel = 0x4fff;
  EXPECT_TRUE(controller.PutClientFlow(0, next, together.action) == StatusCode::kOk);
  usleep(kCollectedUs);
  EXPECT_EQ(world.flow_traffic[number].packets(), 0u);
}

TEST(XdpTogether, AFlowLeavesTheProgramWithTheLastWorkerThatHasIt) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Together together(world, 2);
  Controller& controller = *together.plane->controller;
  EXPECT_TRUE(together.ForwardByProgram());
  EXPECT_TRUE(controller.RemoveClientFlow(0, together.flow) == StatusCode::kOk);
  usleep(kCollectedUs);
  const uint64_t before = world.flow_traffic[together.plane->options.client_flows_max].packets();
  for (uint32_t i = 0; i < kRounds; ++i) EXPECT_TRUE(together.ForwardNext());
  const auto taken = [&] {
    return world.flow_traffic[together.plane->options.client_flows_max].packets() - before;
  };
  WaitFor([&] { return taken() >= kRounds; });
  EXPECT_EQ(taken(), kRounds);
  EXPECT_TRUE(controller.RemoveClientFlow(1, together.flow) == StatusCode::kOk);
  // Both workers have executed the four commands of the start and the removal.
  WaitFor([&] { return together.plane->Count(Counter::kCommandsApplied) == 10; });
  together.client->Send(together.plane->client_address(), XdpScene::ChannelData(0x4000, kHello));
  WaitFor([&] { return together.plane->Count(Verdict::kChannelUnknown) == 1; });
}

TEST(XdpTogether, ASessionThatTheMapRefusesKeepsItsCounters) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Together together(world);
  Controller& controller = *together.plane->controller;
  EXPECT_TRUE(together.ForwardBackByProgram());
  const auto by_worker = [&] { return together.plane->Count(Verdict::kTrunkToClient); };
  WhileRefused(kUpdates,
               [&] { EXPECT_TRUE(controller.RefreshSession(5, 600) == StatusCode::kOk); });
  const uint64_t taken = by_worker();
  together.ForwardBack();
  EXPECT_EQ(by_worker(), taken + 1);
  EXPECT_TRUE(controller.PutSession(5, together.session) == StatusCode::kOk);
  EXPECT_TRUE(together.ForwardBackByProgram());
  const uint64_t records = together.received_sequence - 100;
  const auto counted = [&] {
    return together.plane->session_traffic[5].packets() + world.session_traffic[5].packets();
  };
  WaitFor([&] { return counted() >= records; });
  EXPECT_EQ(counted(), records);
  // Another session at the slot ends this one here, as in the workers.
  EXPECT_TRUE(controller.PutSession(5 + SessionTable::Slots(48), together.session) ==
              StatusCode::kOk);
  WaitFor([&] { return together.plane->Count(Counter::kCommandsApplied) == 7; });
  together.other->Send(together.plane->trunk_address(),
                       MakeTrunk(++together.received_sequence, kHello));
  WaitFor([&] { return together.plane->Count(Verdict::kTrunkUnbound) == 1; });
}

// Sends a datagram as the other relay, without a checksum: the fast path leaves it to the sockets.
void SendWithoutChecksum(const TransportAddress& to, const Bytes& datagram) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
  SocketAddress from;
  const socklen_t from_length = ToSocketAddress(ToTransportAddress("10.77.2.2:3480"), &from);
  EXPECT_EQ(bind(fd, &from.any, from_length), 0);
  SocketAddress address;
  const socklen_t length = ToSocketAddress(to, &address);
  EXPECT_TRUE(sendto(fd, datagram.data(), datagram.size(), 0, &address.any, length) > 0);
  close(fd);
}

TEST(XdpTogether, WorkersRejectReplaysOfTheProgramAWindowLater) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Together together(world);
  Bytes bytes;
  TransportAddress from;
  const auto by_worker = [&] { return together.plane->Count(Verdict::kTrunkToClient); };
  // Until the program has forwarded one.
  uint64_t sequence = 10'000;
  for (uint64_t before = 1; before != by_worker() && sequence < 10'200;) {
    before = by_worker();
    together.other->Send(together.plane->trunk_address(), MakeTrunk(++sequence, kHello));
    EXPECT_TRUE(together.client->Receive(&bytes, &from, kWaitMs));
    usleep(20'000);
  }
  const uint64_t taken = by_worker();
  const Bytes recorded = MakeTrunk(sequence, kHello);
  // A window later: 4,096.
  sequence += 4'096;
  together.other->Send(together.plane->trunk_address(), MakeTrunk(sequence, kHello));
  EXPECT_TRUE(together.client->Receive(&bytes, &from, kWaitMs));
  EXPECT_EQ(by_worker(), taken);
  usleep(kCollectedUs);
  together.other.reset();
  const Inside inside(world.other_host);
  SendWithoutChecksum(together.plane->trunk_address(), recorded);
  WaitFor(
      [&] { return together.plane->Count(Verdict::kTrunkReplayed) > 0 || by_worker() != taken; });
  EXPECT_EQ(by_worker(), taken);
  // Newer datagrams are accepted, also out of order.
  for (const uint64_t young : {sequence + 2, sequence + 1, sequence - 4'000}) {
    SendWithoutChecksum(together.plane->trunk_address(), MakeTrunk(young, kHello));
    EXPECT_TRUE(together.client->Receive(&bytes, &from, kWaitMs));
  }
  EXPECT_EQ(by_worker(), taken + 3);
}

TEST(XdpTogether, TrafficOfAnEndpointBypassesTheProgram) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Together together(world);
  Bytes bytes;
  TransportAddress from;
  const auto by_worker = [&] { return together.plane->Count(Verdict::kTrunkToClient); };
  uint64_t sequence = 100;
  const auto to_client = [&] {
    together.other->Send(together.plane->trunk_address(), MakeTrunk(++sequence, kHello));
    EXPECT_TRUE(together.client->Receive(&bytes, &from, kWaitMs));
  };
  // Until the program forwards to the listener's client.
  for (uint64_t before = 1; before != by_worker() && sequence < 300;) {
    before = by_worker();
    to_client();
    usleep(20'000);
  }
  Controller& controller = *together.plane->controller;
  FlowKey key;
  key.tuple.remote = together.client->address();
  key.channel = 0x4000;
  TransportAddress address = ToTransportAddress("10.77.1.1:0");
  EXPECT_TRUE(controller.OpenEndpoint(0, EndpointKind::kClient, address, &key.tuple.handle) ==
              StatusCode::kOk);
  EndpointReport report{};
  WaitFor([&] {
    alignas(8) uint8_t buffer[1'024];
    const bool any = controller.Drain(buffer, sizeof(buffer), {1, 1, 1}) >= sizeof(report);
    if (any) std::memcpy(&report, buffer, sizeof(report));
    return any;
  });
  EXPECT_TRUE(report.status == StatusCode::kOk);
  address.port = report.port;
  FlowAction action;
  action.kind = FlowAction::Kind::kTrunk;
  action.relay_index = kRelayIndex;
  action.session_index = 98;
  EXPECT_TRUE(controller.PutClientFlow(kEveryWorker, key, action) == StatusCode::kOk);
  SessionAction session;
  session.relay_index = kRelayIndex;
  session.tuple = key.tuple;
  session.channel = 0x4000;
  EXPECT_TRUE(controller.PutSession(5, session) == StatusCode::kOk);
  WaitFor([&] { return together.plane->Count(Counter::kCommandsApplied) == 7; });
  const uint64_t taken = by_worker();
  for (uint64_t i = 1; i <= kRounds; ++i) {
    to_client();
    EXPECT_EQ(from.port, address.port);
    EXPECT_EQ(by_worker(), taken + i);
    together.client->Send(address, XdpScene::ChannelData(0x4000, kHello));
    EXPECT_TRUE(together.other->Receive(&bytes, &from, kWaitMs));
    // The lane is not one of the program's.
    EXPECT_TRUE(bytes.size() > 1 && bytes[1] < 128);
    usleep(5'000);
  }
  EXPECT_EQ(together.plane->Count(Verdict::kClientToTrunk), kRounds);
  EXPECT_EQ(together.plane->traffic[kRelayIndex].records_lost.Get(), 0u);
}

}  // namespace
}  // namespace turnpike::test
