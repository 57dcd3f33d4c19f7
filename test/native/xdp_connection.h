// A connection through the fast path, with sockets at both ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "xdp_world.h"

namespace turnpike::test {

// The sockets of client, relay and other relay, and a connection between them.
struct Connection {
  Connection(World& world, const std::string& client_net, const std::string& trunk_net,
             const std::vector<uint16_t>& lane_ports = {}) {
    XdpOptions options = world.Options(client_net + "1", trunk_net + "1");
    options.addresses.trunk_lane_ports = {lane_ports};
    {
      const Inside inside(world.client_host);
      client = std::make_unique<Udp>(World::Text(client_net + "2", 40'000));
    }
    {
      const Inside inside(world.other_host);
      other = std::make_unique<Udp>(World::Text(trunk_net + "2", 3480));
    }
    const Inside inside(world.relay_host);
    service = std::make_unique<Udp>(ToText(options.addresses.clients[0]));
    trunk = std::make_unique<Udp>(ToText(options.addresses.trunks[0]));
    status = plane.Open(options);
    if (!status.ok()) ADD_FAILURE() << status.message;
    relay.generation = 7;
    relay.path.handle = TransportHandle::OfListener(Side::kTrunk, 0);
    relay.path.remote = other->address();
    relay.sources = {other->address()};
    relay.send_keys.Add(Today(), kKey);
    relay.receive_keys.Add(Today(), kKey);
    relay.shared = std::make_shared<RemoteRelayShared>();
    plane.PutRemoteRelay(kRelayIndex, relay);
    FiveTuple tuple;
    tuple.handle = TransportHandle::OfListener(Side::kClient, 0);
    tuple.remote = client->address();
    FlowAction action;
    action.kind = FlowAction::Kind::kTrunk;
    action.relay_index = kRelayIndex;
    action.generation = 7;
    action.session_index = 99;
    flow = FlowKey{tuple, 0x4000};
    plane.ClearFlowTraffic(kSlot);
    plane.PutFlow(flow, action, kSlot, Expiry{});
    plane.PutSession(SessionAction{5, kRelayIndex, 7, tuple, 0x4000}, Expiry{});
  }

  // Sends repeatedly until the next hop is known and a datagram arrives at the other end.
  bool ToOther(Bytes* datagram, TransportAddress* from) {
    for (int waited_ms = 0; waited_ms < kWaitMs; waited_ms += 50) {
      client->Send(service->address(), XdpScene::ChannelData(0x4000, kHello));
      if (other->Receive(datagram, from, 50)) return true;
    }
    return false;
  }
  bool ToClient(Bytes* message, TransportAddress* from) {
    for (int waited_ms = 0; waited_ms < kWaitMs; waited_ms += 50) {
      other->Send(trunk->address(), MakeTrunk(++sequence, kHello));
      if (client->Receive(message, from, 50)) return true;
    }
    return false;
  }
  void ExpectBothWays() {
    Bytes bytes;
    TransportAddress from;
    EXPECT_TRUE(ToOther(&bytes, &from));
    EXPECT_TRUE(from == trunk->address());
    EXPECT_EQ(bytes.size(), 28 + kHello.size());
    if (bytes.size() >= 28) {
      const auto* header = reinterpret_cast<const TrunkHeader*>(bytes.data());
      EXPECT_TRUE(header->lane >= 128);
      EXPECT_EQ(LoadLe64(header->tag), DataTag(kKey, bytes.data(), bytes.size()));
    }
    EXPECT_TRUE(ToClient(&bytes, &from));
    EXPECT_TRUE(from == service->address());
    EXPECT_TRUE(bytes == XdpScene::ChannelData(0x4000, kHello));
  }

  Status status;
  RemoteRelay relay;
  FlowKey flow;
  uint64_t sequence = 0;
  std::unique_ptr<Udp> client;
  std::unique_ptr<Udp> other;
  std::unique_ptr<Udp> service;
  std::unique_ptr<Udp> trunk;
  XdpPlane plane;
};

}  // namespace turnpike::test
