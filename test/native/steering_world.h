// Hosts and data planes of the tests of steered ports.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "net_world.h"
#include "plane_fixture.h"

namespace turnpike::test {

struct Family {
  const char* relay;
  const char* peer;
  const char* closed_port;
  uint8_t icmp_type;
  uint8_t icmp_code;
};
// Port unreachable: RFC 792, RFC 4443 section 3.1.
inline constexpr Family kFamilies[] = {
    {"192.0.2.1:0", "192.0.2.2:5000", "192.0.2.2:9", 3, 3},
    {"[2001:db8::1]:0", "[2001:db8::2]:5000", "[2001:db8::2]:9", 1, 4},
};

// A host with the addresses of the families, and this thread in it.
struct Scene {
  // Returns false without the rights for it.
  bool Make() {
    if (!host.Make()) return false;
    inside = std::make_unique<Inside>(host);
    for (const char* address : {"192.0.2.1/32", "192.0.2.2/32"}) {
      EXPECT_TRUE(Ip(std::string("addr add ") + address + " dev lo"));
    }
    for (const char* address : {"2001:db8::1/128", "2001:db8::2/128"}) {
      EXPECT_TRUE(Ip(std::string("addr add ") + address + " dev lo nodad"));
    }
    for (const Family& family : kFamilies) AwaitAddresses(family);
    return true;
  }
  // Waits until datagrams arrive: the kernel makes new IPv6 addresses usable in the background.
  static void AwaitAddresses(const Family& family) {
    Udp peer(family.peer);
    std::string at = family.relay;
    at.back() = '9';
    Udp relay(at);
    Bytes data;
    TransportAddress from;
    const auto passes = [&](Udp& by, Udp& to) {
      by.Send(to.address(), Bytes(1));
      return to.Receive(&data, &from, 10);
    };
    WaitFor([&] { return passes(peer, relay) && passes(relay, peer); });
  }

  Host host;
  std::unique_ptr<Inside> inside;
};

// A plane with relayed endpoints.
struct Plane : PlaneFixture {
  explicit Plane(uint32_t workers = 2)
      : PlaneFixture(workers, "127.0.0.1:0", "127.0.0.1:0", 1 << 20, Ips(), true) {
    EXPECT_TRUE(status.ok()) << status.message;
  }
  static std::vector<RelayedIp> Ips() {
    std::vector<RelayedIp> ips;
    for (const Family& family : kFamilies) {
      const IpAddress ip = ToTransportAddress(family.relay).ip;
      ips.push_back({ip, ip});
    }
    return ips;
  }

  // Opens a relayed endpoint and waits for it.
  TransportHandle Open(uint32_t worker, const TransportAddress& at, TransportAddress* bound) {
    TransportHandle handle;
    EXPECT_EQ(controller->OpenEndpoint(worker, EndpointKind::kRelayed, at, &handle),
              StatusCode::kOk);
    const EndpointReport report = NextReport();
    EXPECT_EQ(report.kind, PuntKind::kEndpointOpened);
    EXPECT_EQ(report.status, StatusCode::kOk);
    *bound = TransportAddress{at.ip, report.port};
    return handle;
  }
  void CloseEndpoint(TransportHandle handle) {
    EXPECT_EQ(controller->CloseEndpoint(handle), StatusCode::kOk);
    EXPECT_EQ(NextReport().kind, PuntKind::kEndpointClosed);
  }
  EndpointReport NextReport() {
    WaitFor([&] {
      alignas(8) uint8_t buffer[4'096];
      const uint32_t bytes = controller->Drain(buffer, sizeof(buffer), {100, 100, 100});
      for (uint32_t at = 0; at < bytes; at += sizeof(EndpointReport)) {
        std::memcpy(&reports.emplace_back(), buffer + at, sizeof(EndpointReport));
      }
      return !reports.empty();
    });
    const EndpointReport first = reports.front();
    reports.erase(reports.begin());
    return first;
  }
  // Datagrams that came to relayed endpoints, all from peers without a permission; and those of
  // them that came by shared sockets.
  uint64_t received() const { return Count(Verdict::kPeerNoPermission); }
  uint64_t steered() const { return Count(Counter::kRelayedSteered); }
  void ExpectReceived(uint64_t all, uint64_t by_shared_sockets) {
    WaitFor([&] { return received() >= all; });
    EXPECT_EQ(received(), all);
    WaitFor([&] { return Count(Counter::kRelayedRxPackets) >= all; });
    EXPECT_EQ(steered(), by_shared_sockets);
  }

  std::vector<EndpointReport> reports;
};

}  // namespace turnpike::test
