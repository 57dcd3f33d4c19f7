// Closed indications to the senders of data that matches no flow.
#include "forward/bare_closed_indications.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "forwarder_fixture.h"
#include "wire/stun_header.h"

namespace turnpike {
namespace {

using test::PacketBuffer;
using test::ToTransportAddress;
using test::ToTuple;
using Result = BareClosedIndications::Result;

const SipKey kKey{3, 4};
// ChannelData of 16 bytes, 20 with its header: the shortest that gets an indication.
const test::Bytes kData(20, 0x40);

struct Scene {
  explicit Scene(uint32_t per_second) {
    EXPECT_TRUE(relays.Allocate(kKey).ok());
    EXPECT_TRUE(hints.Allocate(kKey, per_second, &relays).ok());
  }

  Result Answer(const std::string& from, uint64_t now_ns, size_t length = kData.size()) {
    packet = std::make_unique<PacketBuffer>(kData.data(), length, ToTuple(3, from));
    return hints.Answer(packet->packet(), Now{now_ns, 325}, &out);
  }

  RelayHosts relays;
  BareClosedIndications hints;
  std::unique_ptr<PacketBuffer> packet;
  Outgoing out{};
};

TEST(BareClosedIndications, IndicationsAreBareAndGoToTheSource) {
  Scene scene(1'000);
  std::set<std::string> ids;
  for (uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(scene.Answer("203.0.113.7:4000", i * kNsPerSecond), Result::kSent);
    EXPECT_EQ(scene.out.length, 20u);
    EXPECT_TRUE(scene.out.path == scene.packet->packet().tuple);
    EXPECT_TRUE(scene.out.path->handle.side() == Side::kClient);
    EXPECT_EQ(test::ToHex(scene.out.data, 8), std::string("02f100002112a442"));
    EXPECT_TRUE(ClassifyStun(scene.out.data, scene.out.length) == StunKind::kRequestOrIndication);
    ids.insert(test::ToHex(scene.out.data + 8, 12));
  }
  EXPECT_EQ(ids.size(), size_t{10});
}

TEST(BareClosedIndications, NoIndicationIsLongerThanItsDatagram) {
  Scene scene(1'000);
  EXPECT_EQ(scene.Answer("203.0.113.7:4000", 0, 19), Result::kWithheld);
  EXPECT_EQ(scene.Answer("203.0.113.7:4000", 0, 4), Result::kWithheld);
  EXPECT_EQ(scene.Answer("203.0.113.7:4000", 0, 20), Result::kSent);
}

TEST(BareClosedIndications, WithoutABudgetNothingIsSent) {
  Scene scene(0);
  EXPECT_EQ(scene.Answer("203.0.113.7:4000", 0), Result::kWithheld);
}

// Returns how many of `count` simultaneous datagrams get an indication.
uint32_t Sent(Scene& scene, uint32_t count, uint64_t now_ns,
              std::string (*source)(uint32_t index)) {
  uint32_t sent = 0;
  for (uint32_t i = 0; i < count; ++i) sent += scene.Answer(source(i), now_ns) == Result::kSent;
  return sent;
}

TEST(BareClosedIndications, ASourceHasOneBudgetForAllPorts) {
  Scene scene(1'000'000);
  const auto one_host = [](uint32_t i) { return "203.0.113.7:" + std::to_string(1'024 + i); };
  EXPECT_EQ(Sent(scene, 1'000, 0, one_host), uint32_t{kClosedIndicationsPerSourceBurst});
  EXPECT_EQ(Sent(scene, 1'000, kNsPerSecond, one_host),
            uint32_t{kClosedIndicationsPerSourcePerSecond});
  EXPECT_EQ(scene.Answer("203.0.113.8:4000", kNsPerSecond), Result::kSent);
}

TEST(BareClosedIndications, AnIpv6Prefix64IsOneSource) {
  Scene scene(1'000'000);
  const auto one_network = [](uint32_t i) {
    return "[2001:db8::" + std::to_string(i % 10) + "]:" + std::to_string(1'024 + i);
  };
  EXPECT_EQ(Sent(scene, 1'000, 0, one_network), uint32_t{kClosedIndicationsPerSourceBurst});
  EXPECT_EQ(scene.Answer("[2001:db8:0:1::1]:4000", 0), Result::kSent);
}

TEST(BareClosedIndications, AllSourcesTogetherHaveABudget) {
  Scene scene(100);
  const auto anybody = [](uint32_t i) {
    return "198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":4000";
  };
  EXPECT_EQ(Sent(scene, 5'000, kNsPerSecond, anybody), 10u);
  // A budget that was not used for an hour does not accumulate.
  EXPECT_EQ(Sent(scene, 5'000, 3'600 * kNsPerSecond, anybody), 10u);
  EXPECT_EQ(scene.Answer("192.0.2.99:4000", 3'600 * kNsPerSecond), Result::kOverBudget);
}

TEST(BareClosedIndications, RelayHostsGetNoIndication) {
  Scene scene(1'000'000);
  scene.relays.Set({ToTransportAddress("192.0.2.10:0"), ToTransportAddress("127.0.0.1:3478"),
                    ToTransportAddress("[2001:db8::1]:0")});
  for (const char* relay :
       {"192.0.2.10:3478", "192.0.2.10:9", "127.0.0.1:3478", "[2001:db8::1]:3480"}) {
    EXPECT_EQ(scene.Answer(relay, 0), Result::kWithheld);
  }
  EXPECT_EQ(scene.Answer("127.0.0.1:3479", 0), Result::kSent);
  EXPECT_EQ(scene.Answer("192.0.2.11:3478", 0), Result::kSent);
  scene.relays.Set({ToTransportAddress("192.0.2.11:0")});
  EXPECT_EQ(scene.Answer("192.0.2.10:3478", 0), Result::kSent);
  EXPECT_EQ(scene.Answer("192.0.2.11:3478", 0), Result::kWithheld);
}

TEST(BareClosedIndications, TooManyRelayHostsStopAllIndications) {
  Scene scene(1'000'000);
  std::vector<TransportAddress> hosts;
  for (uint32_t i = 0; i < kRelayHostsMax; ++i) {
    const uint8_t ip[4] = {10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    hosts.push_back(TransportAddress{IpAddress::FromIpv4(ip), 0});
  }
  scene.relays.Set(hosts);
  for (const TransportAddress& host : hosts) EXPECT_TRUE(scene.relays.Contain({host.ip, 3478}));
  EXPECT_EQ(scene.Answer("203.0.113.7:4000", 0), Result::kSent);
  hosts.push_back(ToTransportAddress("192.0.2.1:0"));
  scene.relays.Set(hosts);
  EXPECT_EQ(scene.Answer("203.0.113.7:4000", kNsPerSecond), Result::kWithheld);
  scene.relays.Set({});
  EXPECT_EQ(scene.Answer("203.0.113.7:4000", kNsPerSecond), Result::kSent);
}

}  // namespace
}  // namespace turnpike
