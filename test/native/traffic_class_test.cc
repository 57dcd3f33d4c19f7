// DSCP and ECN of the datagrams that sockets send and receive.
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

// A socket that receives as a worker does.
struct Receiver : Socket {
  explicit Receiver(const std::string& address) : Socket(false, address) {
    EXPECT_TRUE(ReportTrafficClass().ok());
    EXPECT_TRUE(batch.Allocate().ok());
  }

  // Waits for as many datagrams as `sent` has, and expects each to have its traffic class. The
  // first byte of each is its number. Returns how many messages they came in.
  uint32_t Expect(const std::vector<uint8_t>& sent, const IpAddress& local = {}) {
    uint32_t messages = 0;
    size_t received = 0;
    for (pollfd ready{fd(), POLLIN, 0}; received < sent.size();) {
      if (poll(&ready, 1, kWaitMs) != 1) break;
      batch.Receive(*this, TransportHandle::OfListener(Side::kClient, 0));
      messages += batch.messages();
      while (const uint32_t count = batch.NextChunk()) {
        for (uint32_t i = 0; i < count; ++i, ++received) {
          const size_t number = batch[i].data[0];
          EXPECT_EQ(number, received);
          if (number < sent.size()) EXPECT_EQ(batch[i].traffic_class, sent[number]) << number;
          EXPECT_TRUE(batch[i].tuple->local == local);
        }
      }
    }
    EXPECT_EQ(received, sent.size());
    return messages;
  }

  ReceiveBatch batch;
};

void Send(BatchFixture& f, const TransportAddress& to, const std::vector<uint8_t>& classes,
          const IpAddress& local = {}) {
  for (size_t i = 0; i < classes.size(); ++i) {
    f.Add(to, Bytes(1'000, static_cast<uint8_t>(i)), local, classes[i]);
  }
  f.batch.Flush(f.counters);
}

// Expedited forwarding without ECN, with ECT(0), with CE; AF41; class selector 7.
const std::vector<uint8_t> kClasses{0,    0,    0xb8, 0xb8, 0xba, 0xba, 0xbb,
                                    0xb8, 0x88, 0x88, 0xe0, 0,    0,    1};

TEST(TrafficClass, RunsOfOneClassAreSegments) {
  for (const std::string address : {"127.0.0.1:0", "[::1]:0"}) {
    BatchFixture f(address);
    Receiver to(address);
    Send(f, to.address(), kClasses);
    EXPECT_EQ(to.Expect(kClasses), 9u) << address;
    EXPECT_EQ(f.Count(Counter::kSegmentedSends), 5u);
    EXPECT_EQ(f.Count(Counter::kSendErrors), 0u);
  }
}

TEST(TrafficClass, ComesBesideTheLocalAddressAndTheSegmentSize) {
  for (const auto& [address, remote] :
       {std::pair<std::string, std::string>{"0.0.0.0:0", "127.0.0.2:0"}, {"[::]:0", "[::1]:0"}}) {
    BatchFixture f(address);
    Receiver to(address);
    TransportAddress at = test::ToTransportAddress(remote);
    at.port = to.address().port;
    const IpAddress source = at.ip.IsIpv4() ? test::ToTransportAddress("127.0.0.3:0").ip : at.ip;
    Send(f, at, kClasses, source);
    EXPECT_EQ(to.Expect(kClasses, at.ip), 9u) << address;
    EXPECT_TRUE(to.batch.messages() > 0);
    EXPECT_EQ(f.Count(Counter::kSegmentedSends), 5u);
  }
}

TEST(TrafficClass, ASocketThatDoesNotReportItReceivesNone) {
  BatchFixture f;
  Socket to;
  ReceiveBatch batch;
  ASSERT_TRUE(batch.Allocate().ok());
  f.Add(to.address(), Bytes(1), {}, 0xb8);
  f.batch.Flush(f.counters);
  pollfd ready{to.fd(), POLLIN, 0};
  ASSERT_EQ(poll(&ready, 1, Socket::kWaitMs), 1);
  batch.Receive(to, TransportHandle::OfListener(Side::kClient, 0));
  ASSERT_EQ(batch.NextChunk(), 1u);
  EXPECT_EQ(batch[0].traffic_class, 0);
}

TEST(TrafficClass, AnUnfragmentedDatagramHasItsOwn) {
  BatchFixture f;
  Receiver to("127.0.0.1:0");
  FiveTuple path;
  path.remote = to.address();
  const Bytes data(1, 0);
  Outgoing out{&path, data.data(), 1};
  out.traffic_class = 0xb9;
  EXPECT_EQ(f.batch.SendUnfragmented(f.socket, out, f.counters), 0);
  to.Expect({0xb9});
}

// Two hosts whose network joins datagrams (GRO). The second is given its addresses late: what waits
// for them at the first then comes at once.
struct JoiningLink {
  // Returns false without the rights for it.
  bool Make() {
    if (!here.Make() || !there.Make()) return false;
    {
      const Inside inside(here);
      EXPECT_TRUE(Ip("link add a0 type veth peer name b0"));
      EXPECT_TRUE(Ip("link set b0 netns " + there.path()));
      EXPECT_TRUE(Ip("addr add 10.78.0.1/24 dev a0"));
      EXPECT_TRUE(Ip("addr add fd78::1/64 dev a0 nodad"));
      // Datagrams of a device that can segment are not joined, as there is no need for it.
      test::SetOffload("a0", ETHTOOL_STSO, false);
      EXPECT_TRUE(Ip("link set a0 up"));
      for (const char* table : {"arp_cache", "ndisc_cache"}) {
        EXPECT_TRUE(Ip(std::string("ntable change name ") + table +
                       " dev a0 retrans 100 mcast_probes 100"));
      }
    }
    const Inside inside(there);
    test::SetOffload("b0", ETHTOOL_SGRO, true);
    EXPECT_TRUE(Ip("link set b0 up"));
    return true;
  }

  // Sends datagrams one by one, which wait until the second host has its address. Returns in how
  // many messages they arrive.
  uint32_t Carry(const std::string& from, const std::string& any, const std::string& to) {
    const bool ipv4 = any[0] != '[';
    const TransportAddress ip = test::ToTransportAddress(ipv4 ? to + ":0" : "[" + to + "]:0");
    std::unique_ptr<Receiver> receiver;
    {
      const Inside inside(there);
      receiver = std::make_unique<Receiver>(any);
    }
    {
      const Inside inside(here);
      BatchFixture f(from);
      const FiveTuple path{{ip.ip, receiver->address().port}, {}, {}};
      for (size_t i = 0; i < kClasses.size(); ++i) {
        const Bytes data(1'000, static_cast<uint8_t>(i));
        Outgoing out{&path, data.data(), 1'000};
        out.traffic_class = kClasses[i];
        EXPECT_EQ(f.batch.SendUnfragmented(f.socket, out, f.counters), 0);
      }
    }
    const Inside inside(there);
    EXPECT_TRUE(Ip("addr add " + to + (ipv4 ? "/24 dev b0" : "/64 dev b0 nodad")));
    return receiver->Expect(kClasses, ip.ip);
  }

  Host here;
  Host there;
};

TEST(TrafficClass, WhatTheNetworkJoinsIsOfOneClass) {
  JoiningLink link;
  if (!link.Make()) GTEST_SKIP() << kNoNamespaces;
  EXPECT_EQ(link.Carry("10.78.0.1:0", "0.0.0.0:0", "10.78.0.2"), 9u);
  EXPECT_EQ(link.Carry("[fd78::1]:0", "[::]:0", "fd78::2"), 9u);
}

}  // namespace
}  // namespace turnpike
