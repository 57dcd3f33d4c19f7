// Fragmentation of what allocations relay, as it is on the wire (RFC 8656 sections 13 and 14).
#include <linux/if_ether.h>
#include <netinet/ip.h>

#include <cstring>

#include "net_world.h"
#include "plane_fixture.h"
#include "table/flow_table.h"
#include "wire/stun_header.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::FromHex;
using test::Host;
using test::Inside;
using test::Ip;
using test::kNoNamespaces;
using test::PlaneFixture;
using test::ToTransportAddress;
using test::Udp;
using test::WaitFor;

constexpr int kWaitMs = 10'000;
constexpr uint16_t kChannel = 0x4001;

// Captures the IPv4 packets that arrive in the namespace that this thread is in.
class Wire {
 public:
  Wire() : fd_(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP))) {
    EXPECT_TRUE(fd_ >= 0);
  }
  ~Wire() { close(fd_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Returns whether DF is set in the next packet from one port of UDP to another.
  bool DontFragment(uint16_t from, uint16_t to) {
    for (pollfd ready{fd_, POLLIN, 0}; poll(&ready, 1, kWaitMs) == 1;) {
      uint8_t packet[65'536];
      const ssize_t length = recv(fd_, packet, sizeof(packet), 0);
      iphdr ip;
      uint16_t ports[2];
      if (length < static_cast<ssize_t>(sizeof(ip) + sizeof(ports))) continue;
      std::memcpy(&ip, packet, sizeof(ip));
      std::memcpy(ports, packet + ip.ihl * 4u, sizeof(ports));
      if (ntohs(ports[0]) != from || ntohs(ports[1]) != to) continue;
      return (ntohs(ip.frag_off) & IP_DF) != 0;
    }
    ADD_FAILURE() << "no packet from port " << from << " to " << to;
    return false;
  }

 private:
  int fd_;
};

// Returns a Send indication with so many bytes of payload.
Bytes SendTo(const TransportAddress& peer, size_t payload_bytes, bool dont_fragment) {
  Bytes attributes = peer.ip.IsIpv4() ? FromHex("001200080001") : FromHex("001200140002");
  const Bytes mask = FromHex("2112a442000102030405060708090a0b");
  const auto append16 = [&](size_t value) {
    attributes.push_back(static_cast<uint8_t>(value >> 8));
    attributes.push_back(static_cast<uint8_t>(value));
  };
  append16(peer.port ^ 0x2112);
  const size_t first = peer.ip.IsIpv4() ? 12 : 0;
  for (size_t i = first; i < 16; ++i) {
    attributes.push_back(static_cast<uint8_t>(peer.ip.bytes[i] ^ mask[i - first]));
  }
  if (dont_fragment) attributes.insert(attributes.end(), {0x00, 0x1a, 0, 0});
  append16(0x0013);
  append16(payload_bytes);
  attributes.resize(attributes.size() + (payload_bytes + 3) / 4 * 4, 'x');
  Bytes message = FromHex("0016");
  message.push_back(static_cast<uint8_t>(attributes.size() >> 8));
  message.push_back(static_cast<uint8_t>(attributes.size()));
  message.insert(message.end(), mask.begin(), mask.end());
  message.insert(message.end(), attributes.begin(), attributes.end());
  return message;
}

// A client with an allocation, and its peer, which has a permission, or a channel.
struct Scene : PlaneFixture {
  explicit Scene(const std::string& client_ip, const std::string& peer_ip)
      : PlaneFixture(1, client_ip + ":0"), client(client_ip + ":40000"), peer(peer_ip + ":40001") {
    EXPECT_EQ(controller->OpenEndpoint(0, EndpointKind::kRelayed,
                                       ToTransportAddress(peer_ip + ":0"), &relayed.handle),
              StatusCode::kOk);
    EndpointReport report{};
    WaitFor([&] {
      alignas(8) uint8_t buffer[4'096];
      if (controller->Drain(buffer, sizeof(buffer), {1, 1, 1}) == 0) return false;
      std::memcpy(&report, buffer, sizeof(report));
      return true;
    });
    EXPECT_EQ(report.status, StatusCode::kOk);
    relayed_address = TransportAddress{peer.address().ip, report.port};
    from.remote = client.address();
    from.handle = TransportHandle::OfListener(Side::kClient, 0);
    relayed.remote = peer.address();
    FlowAction allocation;
    allocation.kind = FlowAction::Kind::kAllocation;
    allocation.tuple.handle = relayed.handle;
    Put(SendKey(from, peer.address().ip.IsIpv4()), allocation);
    FlowAction to_client;
    to_client.kind = FlowAction::Kind::kClient;
    to_client.tuple = from;
    Put(PermissionKey(peer.address().ip, relayed.handle), to_client);
  }

  void Bind() {
    FlowAction to_peer;
    to_peer.kind = FlowAction::Kind::kPeer;
    to_peer.tuple = relayed;
    Put(FlowKey{from, kChannel}, to_peer);
    FlowAction to_client;
    to_client.kind = FlowAction::Kind::kClient;
    to_client.tuple = from;
    to_client.channel = kChannel;
    Put(PeerKey(relayed), to_client);
  }
  void Put(const FlowKey& key, const FlowAction& action) {
    const uint64_t applied = Count(Counter::kCommandsApplied);
    EXPECT_EQ(controller->PutClientFlow(0, key, action), StatusCode::kOk);
    WaitFor([&] { return Count(Counter::kCommandsApplied) == applied + 1; });
  }
  void Send(size_t payload_bytes, bool dont_fragment) {
    client.Send(client_address(), SendTo(peer.address(), payload_bytes, dont_fragment));
  }
  // Receives a datagram at the peer. Returns its length.
  size_t AtPeer() {
    Bytes data;
    TransportAddress source;
    EXPECT_TRUE(peer.Receive(&data, &source, kWaitMs));
    return data.size();
  }

  Udp client;
  Udp peer;
  FiveTuple from;
  FiveTuple relayed;
  TransportAddress relayed_address;
};

TEST(Fragmentation, OnlyDontFragmentSetsDf) {
  Host host;
  if (!host.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(host);
  Scene scene("127.0.0.1", "127.0.0.1");
  Wire wire;
  const uint16_t relayed = scene.relayed_address.port;
  const uint16_t client = scene.client.address().port;
  const uint16_t peer = scene.peer.address().port;
  const uint16_t server = scene.client_address().port;
  scene.Send(5, true);
  EXPECT_TRUE(wire.DontFragment(client, server)) << "this host sets DF in what it sends";
  EXPECT_TRUE(wire.DontFragment(relayed, peer));
  scene.Send(5, false);
  EXPECT_FALSE(wire.DontFragment(relayed, peer)) << "a Send indication without the attribute";
  scene.peer.Send(scene.relayed_address, Bytes(5));
  EXPECT_FALSE(wire.DontFragment(server, client)) << "a Data indication";
  scene.Bind();
  scene.client.Send(scene.client_address(), FromHex("4001000178"));
  EXPECT_FALSE(wire.DontFragment(relayed, peer)) << "ChannelData to the peer";
  scene.peer.Send(scene.relayed_address, Bytes(5));
  EXPECT_TRUE(wire.DontFragment(peer, relayed)) << "this host sets DF in what it sends";
  EXPECT_FALSE(wire.DontFragment(server, client)) << "ChannelData to the client";
}

TEST(Fragmentation, WhatIsTooLongIsRefusedWithDontFragmentAndFragmentedOtherwise) {
  constexpr size_t kBytes = 2'000;
  Host host;
  if (!host.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(host);
  EXPECT_TRUE(Ip("link set lo mtu 1500"));
  Scene scene("127.0.0.1", "127.0.0.1");
  scene.Send(kBytes, true);
  WaitFor([&] { return scene.Count(Counter::kSendErrors) == 1; });
  scene.Send(kBytes, false);
  EXPECT_EQ(scene.AtPeer(), kBytes);
  EXPECT_EQ(scene.Count(Counter::kSendErrors), 1u);
}

TEST(Fragmentation, DontFragmentIsIgnoredWhereASideHasIpv6) {
  constexpr size_t kBytes = 2'000;
  Host host;
  if (!host.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(host);
  EXPECT_TRUE(Ip("link set lo mtu 1500"));
  for (const auto& [client, peer] :
       {std::pair{"[::1]", "[::1]"}, {"127.0.0.1", "[::1]"}, {"[::1]", "127.0.0.1"}}) {
    Scene scene(client, peer);
    scene.Send(kBytes, true);
    EXPECT_EQ(scene.AtPeer(), kBytes) << client << " to " << peer;
    EXPECT_EQ(scene.Count(Counter::kSendErrors), 0u);
  }
}

}  // namespace
}  // namespace turnpike
