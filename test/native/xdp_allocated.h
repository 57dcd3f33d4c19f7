// An allocation with a channel whose packets the fast path or a worker forwards.
#pragma once

#include <cstring>
#include <memory>

#include "plane_fixture.h"
#include "xdp_world.h"

namespace turnpike::test {

inline constexpr uint16_t kChannel = 0x7123;
// Sends at most; between them the next hop may be resolved.
inline constexpr int kAttempts = 250;
inline constexpr int kAttemptMs = 20;

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

}  // namespace turnpike::test
