// Planes over loopback sockets. Under TSan these tests cover the variables that threads share.
#include <errno.h>
#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <set>

#include "io/clock.h"
#include "io/socket_address.h"
#include "plane_fixture.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::PlaneFixture;
using test::WaitFor;

// A peer's or a relay's socket on loopback.
class Remote {
 public:
  Remote() {
    EXPECT_TRUE(socket_.OpenFirst(test::ToTransportAddress("127.0.0.1:0"), 1 << 20).ok());
    // Each call receives one datagram, as peers' calls do.
    const int off = 0;
    EXPECT_EQ(setsockopt(socket_.fd(), SOL_UDP, UDP_GRO, &off, sizeof(off)), 0);
  }

  const TransportAddress& address() const { return socket_.address(); }

  void Send(const TransportAddress& to, const Bytes& data) {
    SocketAddress address;
    const socklen_t length = ToSocketAddress(to, &address);
    EXPECT_EQ(sendto(socket_.fd(), data.data(), data.size(), 0, &address.any, length),
              static_cast<ssize_t>(data.size()));
  }

  // Waits for a datagram; empty after ten seconds.
  Bytes Receive() {
    pollfd ready{socket_.fd(), POLLIN, 0};
    if (poll(&ready, 1, 10'000) != 1) return {};
    Bytes data(65'536);
    const ssize_t length = recv(socket_.fd(), data.data(), data.size(), 0);
    data.resize(length < 0 ? 0 : static_cast<size_t>(length));
    return data;
  }

 private:
  UdpSocket socket_;
};

const SipKey kKey{8, 9};

void Join(PlaneFixture& plane, uint32_t relay_index, const TransportAddress& other,
          std::vector<TransportAddress> sources = {}) {
  RemoteRelaySpec spec;
  spec.path.handle = TransportHandle::OfListener(Side::kTrunk, 0);
  spec.path.remote = other;
  spec.sources = std::move(sources);
  const uint16_t today = ReadClock().trunk_epoch;
  spec.send_keys.Add(today, kKey);
  spec.receive_keys.Add(today, kKey);
  spec.records_max = 100;
  EXPECT_EQ(plane.controller->PutRemoteRelay(relay_index, spec), StatusCode::kOk);
}

void Join(PlaneFixture& plane, uint32_t relay_index, const PlaneFixture& other) {
  std::vector<TransportAddress> sources = {other.trunk_address()};
  for (const uint16_t port : other.pool.lane_ports()[0]) {
    sources.push_back({other.trunk_address().ip, port});
  }
  Join(plane, relay_index, other.trunk_address(), std::move(sources));
}

// Returns the worker that receives the datagrams of a socket. Sends a STUN request, which the plane
// hands up.
uint32_t WorkerOf(PlaneFixture& plane, Remote& remote) {
  remote.Send(plane.client_address(), test::FromHex("000100002112a4420102030405060708090a0b0c"));
  uint8_t buffer[4096];
  uint32_t bytes = 0;
  WaitFor([&] { return (bytes = plane.controller->Drain(buffer, sizeof(buffer), {1, 1, 1})) > 0; });
  PuntedDatagram head;
  std::memcpy(&head, buffer, sizeof(head));
  EXPECT_EQ(head.remote_port, remote.address().port);
  return head.worker;
}

FlowKey FlowOf(const Remote& remote) {
  FlowKey key;
  key.tuple.handle = TransportHandle::OfListener(Side::kClient, 0);
  key.tuple.remote = remote.address();
  key.channel = 0x4000;
  return key;
}

// Two relays, each a remote relay of the other: the right one has index 1 at the left one, the left
// one index 2 at the right one.
struct Pair {
  Pair() {
    Join(left, 1, right);
    Join(right, 2, left);
  }
  PlaneFixture left{2};
  PlaneFixture right{2};
};

// An entry between two channels of one 5-tuple.
struct LocalFlow {
  LocalFlow() {
    key.channel = 0x4000;
    key.tuple = test::ToTuple(0, "127.0.0.1:1");
    action.kind = FlowAction::Kind::kClient;
    action.channel = 0x4001;
    action.tuple = key.tuple;
  }
  FlowKey key;
  FlowAction action;
};

// Fills a worker's table with entries for ports from 1 on, and leaves the last one in `key`.
void FillFlows(PlaneFixture& plane, uint32_t worker, FlowKey* key, const FlowAction& action) {
  for (uint16_t port = 1; port <= plane.options.client_flows_max; ++port) {
    key->tuple.remote.port = port;
    EXPECT_EQ(plane.controller->PutClientFlow(worker, *key, action), StatusCode::kOk);
  }
}

TEST(Plane, TwoRelaysForwardBetweenManyPeers) {
  Pair pair;
  PlaneFixture& left = pair.left;
  PlaneFixture& right = pair.right;
  constexpr uint32_t kPairs = 8;
  Remote a[kPairs];
  Remote b[kPairs];
  std::set<uint32_t> workers;
  for (uint32_t i = 0; i < kPairs; ++i) {
    const auto put = [&](PlaneFixture& plane, Remote& remote, uint32_t relay_index) {
      const uint32_t worker = WorkerOf(plane, remote);
      workers.insert(worker);
      FlowAction action;
      action.kind = FlowAction::Kind::kTrunk;
      action.relay_index = relay_index;
      action.session_index = i;
      const FlowKey key = FlowOf(remote);
      EXPECT_EQ(plane.controller->PutClientFlow(worker, key, action), StatusCode::kOk);
      SessionAction session;
      session.relay_index = relay_index;
      session.tuple = key.tuple;
      session.channel = key.channel;
      EXPECT_EQ(plane.controller->PutSession(i, session), StatusCode::kOk);
    };
    put(left, a[i], 1);
    put(right, b[i], 2);
  }
  for (PlaneFixture* plane : {&left, &right}) {
    WaitFor([&] { return plane->Count(Counter::kCommandsApplied) >= 2 + kPairs * 3; });
  }
  for (int round = 0; round < 50; ++round) {
    for (uint32_t i = 0; i < kPairs; ++i) {
      const Bytes data = {
          0x40, 0x00, 0x00, 0x02, static_cast<uint8_t>(i), static_cast<uint8_t>(round)};
      a[i].Send(left.client_address(), data);
      EXPECT_TRUE(b[i].Receive() == data);
      b[i].Send(right.client_address(), data);
      EXPECT_TRUE(a[i].Receive() == data);
    }
  }
  EXPECT_EQ(left.Count(Verdict::kClientToTrunk), 50u * kPairs);
  EXPECT_EQ(left.Count(Verdict::kTrunkToClient), 50u * kPairs);
}

TEST(Plane, ASentDatagramWaitsForEarlierCommands) {
  PlaneFixture plane(3);
  Join(plane, 0, test::ToTransportAddress("127.0.0.1:9"));
  Remote remote;
  FiveTuple path;
  path.handle = TransportHandle::OfListener(Side::kClient, 0);
  path.remote = remote.address();
  for (int round = 0; round < 200; ++round) {
    SessionAction action;
    action.tuple = path;
    action.channel = 0x4000;
    for (uint32_t i = 0; i < 20; ++i) {
      EXPECT_EQ(plane.controller->PutSession(i, action), StatusCode::kOk);
    }
    const Bytes data = {static_cast<uint8_t>(round)};
    EXPECT_EQ(plane.controller->Send(Side::kClient, kEveryWorker, path, data.data(), 1),
              StatusCode::kOk);
    EXPECT_TRUE(remote.Receive() == data);
    for (const auto& worker : plane.pool.workers()) {
      EXPECT_EQ(worker->applied(), worker->commands().pushed());
    }
  }
}

TEST(Plane, ADatagramMeetsTheEntriesPutBeforeItThoughNothingWokeTheWorker) {
  PlaneFixture plane(1);
  Remote remote;
  FlowKey key = FlowOf(remote);
  FlowAction action;
  action.kind = FlowAction::Kind::kClient;
  action.tuple = key.tuple;
  for (uint16_t round = 0; round < 50; ++round) {
    key.channel = action.channel = static_cast<uint16_t>(0x4000 + round);
    plane.controller->Hold();
    EXPECT_EQ(plane.controller->PutClientFlow(0, key, action), StatusCode::kOk);
    const Bytes data = {0x40, static_cast<uint8_t>(round), 0, 0};
    remote.Send(plane.client_address(), data);
    EXPECT_TRUE(remote.Receive() == data);
    plane.controller->Release();
  }
}

TEST(Plane, ManyCommandsWakeAWorkerThoughWakesAreHeld) {
  PlaneFixture plane(1);
  FlowKey key;
  key.tuple = test::ToTuple(0, "127.0.0.1:5");
  plane.controller->Hold();
  for (uint32_t round = 1; round <= 50; ++round) {
    for (uint32_t i = 0; i < kHeldMax; ++i) {
      EXPECT_EQ(plane.controller->PutKnownClient(0, key.tuple), StatusCode::kOk);
    }
    WaitFor([&] { return plane.Count(Counter::kCommandsApplied) == uint64_t{round} * kHeldMax; });
  }
}

TEST(Plane, ProbeRepliesHaveTheRoundTrip) {
  Pair pair;
  PlaneFixture& left = pair.left;
  PlaneFixture& right = pair.right;
  WaitFor([&] { return right.Count(Counter::kCommandsApplied) == 2; });
  EXPECT_EQ(left.controller->Probe(1, 77, nullptr), StatusCode::kOk);
  uint8_t buffer[1024];
  uint32_t bytes = 0;
  WaitFor([&] { return (bytes = left.controller->Drain(buffer, sizeof(buffer), {1, 1, 1})) > 0; });
  PuntedEvent event;
  std::memcpy(&event, buffer, sizeof(event));
  EXPECT_EQ(event.kind, PuntKind::kProbeReply);
  EXPECT_EQ(event.relay_index, 1u);
  EXPECT_EQ(event.number, 77u);
  EXPECT_TRUE(event.rtt_ns > 0);
}

TEST(Plane, CallsReportLimitsAtOnce) {
  PlaneFixture plane(1);
  auto [key, action] = LocalFlow();
  FillFlows(plane, 0, &key, action);
  EXPECT_EQ(plane.controller->PutClientFlow(0, key, action), StatusCode::kOk);
  key.tuple.remote.port = 65;
  EXPECT_EQ(plane.controller->PutClientFlow(0, key, action), StatusCode::kLimit);
  EXPECT_EQ(plane.controller->PutClientFlow(1, key, action), StatusCode::kInvalid);
  action.kind = FlowAction::Kind::kTrunk;
  action.relay_index = 1;
  EXPECT_EQ(plane.controller->PutClientFlow(0, key, action), StatusCode::kUnknownRelay);
  action.relay_index = 4;
  EXPECT_EQ(plane.controller->PutClientFlow(0, key, action), StatusCode::kInvalid);
  EXPECT_EQ(plane.controller->PutSession(48, SessionAction{}), StatusCode::kInvalid);
  EXPECT_EQ(plane.controller->PutSession(64 + 48, SessionAction{}), StatusCode::kInvalid);
  key.tuple = test::ToTuple(0, "[::1]:5");
  EXPECT_EQ(plane.controller->PutClientFlow(0, key, FlowAction{}), StatusCode::kAddress);
}

TEST(Plane, AFlowIsPutIntoEveryWorkerOrIntoNone) {
  PlaneFixture plane(3);
  EXPECT_TRUE(plane.status.ok());
  auto [key, action] = LocalFlow();
  // One worker's table is full, so no other worker may have the flow either.
  FillFlows(plane, 2, &key, action);
  key.tuple.remote.port = 65;
  EXPECT_EQ(plane.controller->PutClientFlow(kEveryWorker, key, action), StatusCode::kLimit);
  uint32_t number = 0;
  for (uint32_t worker = 0; worker < 3; ++worker) {
    EXPECT_FALSE(plane.controller->FlowNumber(worker, key, &number));
  }
  key.tuple.remote.port = 64;
  EXPECT_EQ(plane.controller->PutClientFlow(kEveryWorker, key, action), StatusCode::kOk);
  for (uint32_t worker = 0; worker < 3; ++worker) {
    EXPECT_TRUE(plane.controller->FlowNumber(worker, key, &number));
  }
  EXPECT_EQ(plane.controller->RemoveClientFlow(kEveryWorker, key), StatusCode::kOk);
  for (uint32_t worker = 0; worker < 3; ++worker) {
    EXPECT_FALSE(plane.controller->FlowNumber(worker, key, &number));
  }
}

TEST(Plane, APortInUseIsAnError) {
  PlaneFixture first(2);
  EXPECT_TRUE(first.status.ok());
  const std::string address = ToText(first.client_address());
  PlaneFixture second(2, address);
  EXPECT_EQ(second.status.code, StatusCode::kBind);
  EXPECT_EQ(second.status.error_number, EADDRINUSE);
  EXPECT_EQ(second.status.address, address);
}

TEST(Plane, DatagramsSentBeforeTheCloseStillLeave) {
  for (int round = 0; round < 20; ++round) {
    PlaneFixture plane(3);
    Join(plane, 0, test::ToTransportAddress("127.0.0.1:9"));
    Remote remote;
    FiveTuple path;
    path.handle = TransportHandle::OfListener(Side::kClient, 0);
    path.remote = remote.address();
    constexpr uint8_t kDatagrams = 100;
    for (uint8_t i = 0; i < kDatagrams; ++i) {
      EXPECT_EQ(plane.controller->RemoveSession(i % 48), StatusCode::kOk);
      EXPECT_EQ(plane.controller->Send(Side::kClient, kEveryWorker, path, &i, 1), StatusCode::kOk);
    }
    plane.pool.Close();
    for (uint8_t i = 0; i < kDatagrams; ++i) EXPECT_TRUE(remote.Receive() == Bytes{i});
  }
}

TEST(Plane, DropsOfTheKernelAreCounted) {
  PlaneFixture plane(1, "127.0.0.1:0", "127.0.0.1:0", 2'048);
  Remote remote;
  const Bytes datagram(1'000, 0xff);
  uint64_t sent = 0;
  for (int burst = 0; burst < 200 && plane.Count(Counter::kReceiveDropped) == 0; ++burst) {
    for (int i = 0; i < 200; ++i) remote.Send(plane.client_address(), datagram);
    sent += 200;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(plane.Count(Counter::kReceiveDropped) > 0);
  EXPECT_TRUE(plane.Count(Counter::kReceiveDropped) < sent);
}

TEST(Plane, ClosingUnderTrafficCountsAllReceivedAndFreesPorts) {
  uint64_t received = 0;
  for (int round = 0; round < 20; ++round) {
    PlaneFixture plane(2);
    Remote remote;
    const TransportAddress to = plane.client_address();
    for (int i = 0; i < 200; ++i) {
      remote.Send(to, test::FromHex("000100002112a4420102030405060708090a0b0c"));
    }
    // Busy CPUs may keep the workers from receiving anything before the close: one round waits.
    if (round == 0) WaitFor([&] { return plane.Count(Counter::kClientRxPackets) > 0; });
    plane.pool.Close();
    plane.pool.Close();
    const uint64_t taken = plane.Count(Counter::kClientRxPackets);
    EXPECT_EQ(plane.Count(Verdict::kClientPunted) + plane.Count(Counter::kStrangerOverShare) +
                  plane.Count(Counter::kStrangerQueueFull),
              taken);
    received += taken;
    EXPECT_TRUE(PlaneFixture(1, ToText(to)).status.ok());
  }
  EXPECT_GT(received, 0u);
}

}  // namespace
}  // namespace turnpike
