// Segmented sends that the kernel refuses. Every refusal is the kernel's own.
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "io/receive_batch.h"
#include "net_world.h"
#include "send_batch_fixture.h"

namespace turnpike {
namespace {

using test::BatchFixture;
using test::Bytes;
using test::Host;
using test::Inside;
using test::Ip;
using test::kNoNamespaces;
using test::Socket;
using test::Udp;

// Two hosts, the second with two addresses. IPv4 sockets ignore the path MTU (IP_PMTUDISC_OMIT), so
// the narrow path is an IPv6 path.
struct Link {
  // Returns false without the rights for it.
  bool Make() {
    if (!here.Make() || !there.Make()) return false;
    {
      const Inside inside(here);
      EXPECT_TRUE(Ip("link add a0 type veth peer name b0"));
      EXPECT_TRUE(Ip("link set b0 netns " + there.path()));
      EXPECT_TRUE(Ip("addr add fd78::1/64 dev a0 nodad"));
      EXPECT_TRUE(Ip("link set a0 up"));
    }
    const Inside inside(there);
    for (const char* address : {"fd78::2", "fd78::3"}) {
      EXPECT_TRUE(Ip(std::string("addr add ") + address + "/64 dev b0 nodad"));
    }
    EXPECT_TRUE(Ip("link set b0 up"));
    wide = std::make_unique<Socket>(true, "[fd78::2]:0");
    narrow = std::make_unique<Socket>(true, "[fd78::3]:0");
    const Inside back(here);
    batch = std::make_unique<BatchFixture>("[fd78::1]:0");
    return Carries();
  }

  // Waits until a datagram arrives. The kernel drops datagrams until it detects both ends' carrier.
  bool Carries() const {
    Udp probe("[fd78::1]:9");
    for (int waited_ms = 0; waited_ms < Socket::kWaitMs; waited_ms += Socket::kMoreMs) {
      probe.Send(narrow->address(), Bytes(1));
      if (!narrow->ReceiveAll(0).empty()) return true;
    }
    ADD_FAILURE() << "nothing arrives over the link";
    return false;
  }

  // Sends a run of datagrams of equal length. Returns how many of `expected` arrived unchanged.
  size_t Run(Socket& to, size_t bytes, size_t expected = 20, const IpAddress& local = {}) {
    for (uint8_t i = 0; i < 20; ++i) batch->Add(to.address(), Bytes(bytes, i), local);
    batch->batch.Flush(batch->counters);
    size_t right = 0;
    for (const Bytes& datagram : to.ReceiveAll(expected)) {
      right += datagram == Bytes(bytes, static_cast<uint8_t>(right));
    }
    return right;
  }
  uint64_t refused() const { return batch->Count(Counter::kSegmentsRefused); }
  uint64_t segmented() const { return batch->Count(Counter::kSegmentedSends); }

  Host here;
  Host there;
  std::unique_ptr<BatchFixture> batch;
  std::unique_ptr<Socket> wide;
  std::unique_ptr<Socket> narrow;
};

// EIO: the kernel segments only datagrams whose checksum a device may complete, unlike UDP-Lite's.
TEST(SendRefusals, ASocketThatCannotSegmentIsNotTriedAgain) {
  BatchFixture f;
  const int lite = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE);
  if (lite < 0) GTEST_SKIP() << "this kernel has no UDP-Lite";
  EXPECT_TRUE(dup2(lite, f.from.fd()) >= 0);
  close(lite);
  const TransportAddress to = test::ToTransportAddress("127.0.0.1:9");
  for (const size_t bytes : {1'000, 100, 100}) {
    for (uint8_t i = 0; i < 20; ++i) f.Add(to, Bytes(bytes, i));
    f.batch.Flush(f.counters);
  }
  EXPECT_EQ(f.Count(Counter::kSegmentsRefused), 1u);
  EXPECT_EQ(f.Count(Counter::kSegmentedSends), 0u);
  EXPECT_EQ(f.Count(Counter::kClientTxPackets), 60u);
}

TEST(SendRefusals, ANarrowPathLeavesSegmentsToOtherPaths) {
  Link link;
  if (!link.Make()) GTEST_SKIP() << kNoNamespaces;
  {
    const Inside inside(link.here);
    EXPECT_TRUE(Ip("route add fd78::3/128 dev a0 mtu 1280"));
  }
  EXPECT_EQ(link.Run(*link.narrow, 1'400), 20u);
  EXPECT_EQ(link.refused(), 1u);
  EXPECT_EQ(link.Run(*link.wide, 1'400), 20u);
  EXPECT_EQ(link.segmented(), 1u);
  // On the narrow path, runs of this length are not tried for a while; shorter ones are.
  EXPECT_EQ(link.Run(*link.narrow, 1'400), 20u);
  EXPECT_EQ(link.refused(), 1u);
  EXPECT_EQ(link.Run(*link.narrow, 500), 20u);
  EXPECT_EQ(link.segmented(), 2u);
}

TEST(SendRefusals, WhatIsSentOneByOneKeepsItsTrafficClass) {
  Link link;
  if (!link.Make()) GTEST_SKIP() << kNoNamespaces;
  {
    const Inside inside(link.here);
    EXPECT_TRUE(Ip("route add fd78::3/128 dev a0 mtu 1280"));
  }
  {
    const Inside inside(link.there);
    EXPECT_TRUE(link.narrow->ReportTrafficClass().ok());
  }
  for (uint8_t i = 0; i < 20; ++i) {
    link.batch->Add(link.narrow->address(), Bytes(1'400, i), {}, i < 10 ? 0xb8 : 0x03);
  }
  link.batch->batch.Flush(link.batch->counters);
  EXPECT_EQ(link.refused(), 2u);
  ReceiveBatch received;
  ASSERT_TRUE(received.Allocate().ok());
  size_t count = 0;
  for (pollfd ready{link.narrow->fd(), POLLIN, 0}; count < 20;) {
    ASSERT_EQ(poll(&ready, 1, Socket::kWaitMs), 1);
    received.Receive(*link.narrow, TransportHandle::OfListener(Side::kClient, 0));
    while (const uint32_t in_chunk = received.NextChunk()) {
      for (uint32_t i = 0; i < in_chunk; ++i, ++count) {
        EXPECT_EQ(received[i].traffic_class, count < 10 ? 0xb8 : 0x03);
      }
    }
  }
}

TEST(SendRefusals, AWidenedPathGetsSegmentsAgain) {
  Link link;
  if (!link.Make()) GTEST_SKIP() << kNoNamespaces;
  {
    const Inside inside(link.here);
    EXPECT_TRUE(Ip("route add fd78::3/128 dev a0 mtu 1280"));
    link.Run(*link.narrow, 1'400);
    EXPECT_TRUE(Ip("route del fd78::3/128 dev a0"));
  }
  EXPECT_EQ(link.refused(), 1u);
  usleep(SegmentsOverPathMtu::kKeptNs / kNsPerUs);
  EXPECT_EQ(link.Run(*link.narrow, 1'400), 20u);
  EXPECT_EQ(link.segmented(), 1u);
}

TEST(SendRefusals, RefusedSingleDatagramsDoNotDisableSegments) {
  Link link;
  if (!link.Make()) GTEST_SKIP() << kNoNamespaces;
  // EINVAL, as this host has no such address to send from.
  EXPECT_EQ(link.Run(*link.wide, 1'000, 0, test::ToTransportAddress("[fd78::99]:1").ip), 0u);
  EXPECT_EQ(link.batch->Count(Counter::kSendErrors), 20u);
  EXPECT_EQ(link.Run(*link.wide, 1'000), 20u);
  EXPECT_EQ(link.segmented(), 1u);
}

TEST(SendRefusals, AFullSendBufferDropsAndCounts) {
  Link link;
  if (!link.Make()) GTEST_SKIP() << kNoNamespaces;
  {
    // Datagrams that wait for a neighbour keep the socket's memory.
    const Inside inside(link.there);
    EXPECT_TRUE(Ip("addr del fd78::2/64 dev b0"));
  }
  const int bytes = 4'608;
  EXPECT_EQ(setsockopt(link.batch->from.fd(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)),
            0);
  for (int i = 0; i < 20; ++i) link.Run(*link.wide, 1'000, 0);
  EXPECT_TRUE(link.batch->Count(Counter::kSendBlocked) > 0);
  EXPECT_EQ(link.batch->Count(Counter::kSendErrors), 0u);
}

// Runs a command of nft. It may be in a folder of the administrator.
bool Nft(const std::string& command) {
  return std::system(("PATH=$PATH:/usr/sbin:/sbin; nft '" + command + "'").c_str()) == 0;
}

// How often packets of this host came to the rule that `Nft` added last, by its counter.
int PacketsCounted() {
  return std::system(
             "PATH=$PATH:/usr/sbin:/sbin; exit $(nft list ruleset | sed -n "
             "'s/.*counter packets \\([0-9]*\\).*/\\1/p')") >>
         8;
}

// How often this host looked for a route that it has not.
uint64_t RoutesNotFound() {
  std::ifstream file("/proc/thread-self/net/snmp6");
  std::string name;
  uint64_t value = 0;
  while (file >> name >> value && name != "Ip6OutNoRoutes") {
  }
  return value;
}

TEST(SendRefusals, WhatARetryCannotHelpIsTriedOnceAndWhatMayBeAnIcmpErrorTwice) {
  Link link;
  if (!link.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(link.here);
  EXPECT_TRUE(link.batch->from.ReportErrors().ok());
  // EPERM.
  EXPECT_TRUE(
      Nft("add table ip6 t; add chain ip6 t c { type filter hook output priority 0; }; "
          "add rule ip6 t c udp dport 10 counter drop"));
  link.batch->Add(test::ToTransportAddress("[fd78::2]:10"), Bytes(1));
  link.batch->batch.Flush(link.batch->counters);
  EXPECT_EQ(PacketsCounted(), 1);
  // ENETUNREACH.
  const uint64_t before = RoutesNotFound();
  link.batch->Add(test::ToTransportAddress("[fd79::1]:10"), Bytes(1));
  link.batch->batch.Flush(link.batch->counters);
  EXPECT_EQ(RoutesNotFound(), before + 2);
  EXPECT_EQ(link.batch->Count(Counter::kSendErrors), 2u);
  EXPECT_EQ(link.batch->Count(Counter::kClientTxPackets), 0u);
}

TEST(SendRefusals, AnIcmpErrorOfAnyKindLosesNothingOfAnothers) {
  Link link;
  if (!link.Make()) GTEST_SKIP() << kNoNamespaces;
  EXPECT_TRUE(link.batch->from.ReportErrors().ok());
  uint16_t port = 20;
  uint64_t sent = 0;
  // ENETUNREACH, EACCES, EHOSTUNREACH, ECONNREFUSED.
  for (const char* kind :
       {"no-route", "admin-prohibited", "addr-unreachable", "port-unreachable"}) {
    {
      const Inside inside(link.there);
      EXPECT_TRUE(
          Nft("add table ip6 t; add chain ip6 t c { type filter hook input priority 0; }; "
              "add rule ip6 t c udp dport " +
              std::to_string(++port) + " reject with icmpv6 type " + kind));
    }
    TransportAddress refusing = link.wide->address();
    refusing.port = port;
    link.batch->Add(refusing, Bytes(1));
    link.batch->batch.Flush(link.batch->counters);
    pollfd error{link.batch->from.fd(), 0, 0};
    EXPECT_EQ(poll(&error, 1, Socket::kWaitMs), 1);
    EXPECT_EQ(link.Run(*link.wide, 1'000), 20u) << kind;
    sent += 21;
    IcmpError taken;
    EXPECT_EQ(link.batch->from.TakeError(&taken), UdpSocket::ErrorTaken::kIcmp);
  }
  EXPECT_EQ(link.batch->Count(Counter::kClientTxPackets), sent);
  EXPECT_EQ(link.batch->Count(Counter::kSendErrors), 0u);
}

}  // namespace
}  // namespace turnpike
