// What data that met no flow earns its sender.
#include "forward/closed_hints.h"

#include <memory>
#include <set>
#include <string>

#include "check.h"
#include "forwarder_fixture.h"
#include "wire/stun_peek.h"

namespace turnpike {
namespace {

using test::PacketBuffer;
using test::ToEndpoint;
using test::ToTuple;
using Result = ClosedHints::Result;

const SipKey kKey{3, 4};
// ChannelData of 16 bytes: 20 with its header, the shortest that earns a hint.
const test::Bytes kData(20, 0x40);

struct Scene {
  explicit Scene(uint32_t per_second) {
    CHECK(relays.Allocate(kKey).ok());
    CHECK(hints.Allocate(kKey, per_second, &relays).ok());
  }

  Result Answer(const std::string& from, uint64_t now_ns, size_t length = kData.size()) {
    packet = std::make_unique<PacketBuffer>(kData.data(), length, ToTuple(3, from));
    return hints.Answer(packet->packet(), Now{now_ns, 325}, &out);
  }

  RelayHosts relays;
  ClosedHints hints;
  std::unique_ptr<PacketBuffer> packet;
  Outgoing out{};
};

TEST(AHintIsABareClosedIndicationToTheSource) {
  Scene scene(1'000);
  std::set<std::string> ids;
  for (uint64_t i = 0; i < 10; ++i) {
    CHECK_EQ(scene.Answer("203.0.113.7:4000", i * kNsPerSecond), Result::kSent);
    CHECK_EQ(scene.out.length, 20u);
    CHECK(scene.out.path == scene.packet->packet().tuple);
    CHECK(scene.out.side == Side::kClient);
    CHECK_EQ(test::ToHex(scene.out.data, 8), std::string("02f100002112a442"));
    CHECK(PeekStun(scene.out.data, scene.out.length) == StunKind::kRequestOrIndication);
    ids.insert(test::ToHex(scene.out.data + 8, 12));
  }
  CHECK_EQ(ids.size(), size_t{10});
}

TEST(NothingIsLongerThanWhatCame) {
  Scene scene(1'000);
  CHECK_EQ(scene.Answer("203.0.113.7:4000", 0, 19), Result::kWithheld);
  CHECK_EQ(scene.Answer("203.0.113.7:4000", 0, 4), Result::kWithheld);
  CHECK_EQ(scene.Answer("203.0.113.7:4000", 0, 20), Result::kSent);
}

TEST(WithoutABudgetNothingIsSent) {
  Scene scene(0);
  CHECK_EQ(scene.Answer("203.0.113.7:4000", 0), Result::kWithheld);
}

// The number sent of `count` that come at once.
uint32_t Sent(Scene& scene, uint32_t count, uint64_t now_ns,
              std::string (*source)(uint32_t index)) {
  uint32_t sent = 0;
  for (uint32_t i = 0; i < count; ++i) sent += scene.Answer(source(i), now_ns) == Result::kSent;
  return sent;
}

TEST(OneSourceHasItsShareWhateverItsPort) {
  Scene scene(1'000'000);
  const auto one_host = [](uint32_t i) { return "203.0.113.7:" + std::to_string(1'024 + i); };
  CHECK_EQ(Sent(scene, 1'000, 0, one_host), uint32_t{kHintsPerSourceBurst});
  CHECK_EQ(Sent(scene, 1'000, kNsPerSecond, one_host), uint32_t{kHintsPerSourcePerSecond});
  CHECK_EQ(scene.Answer("203.0.113.8:4000", kNsPerSecond), Result::kSent);
}

TEST(AnIpv6NetworkOf64BitsIsOneSource) {
  Scene scene(1'000'000);
  const auto one_network = [](uint32_t i) {
    return "[2001:db8::" + std::to_string(i % 10) + "]:" + std::to_string(1'024 + i);
  };
  CHECK_EQ(Sent(scene, 1'000, 0, one_network), uint32_t{kHintsPerSourceBurst});
  CHECK_EQ(scene.Answer("[2001:db8:0:1::1]:4000", 0), Result::kSent);
}

TEST(AllSourcesTogetherHaveABudget) {
  Scene scene(100);
  const auto anybody = [](uint32_t i) {
    return "198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":4000";
  };
  CHECK_EQ(Sent(scene, 5'000, kNsPerSecond, anybody), 10u);
  // What was not used for an hour is not saved up.
  CHECK_EQ(Sent(scene, 5'000, 3'600 * kNsPerSecond, anybody), 10u);
  CHECK_EQ(scene.Answer("192.0.2.99:4000", 3'600 * kNsPerSecond), Result::kOverBudget);
}

TEST(ARelayIsNeverAnswered) {
  Scene scene(1'000'000);
  scene.relays.Set(
      {ToEndpoint("192.0.2.10:0"), ToEndpoint("127.0.0.1:3478"), ToEndpoint("[2001:db8::1]:0")});
  for (const char* relay :
       {"192.0.2.10:3478", "192.0.2.10:9", "127.0.0.1:3478", "[2001:db8::1]:3480"}) {
    CHECK_EQ(scene.Answer(relay, 0), Result::kWithheld);
  }
  CHECK_EQ(scene.Answer("127.0.0.1:3479", 0), Result::kSent);
  CHECK_EQ(scene.Answer("192.0.2.11:3478", 0), Result::kSent);
  scene.relays.Set({ToEndpoint("192.0.2.11:0")});
  CHECK_EQ(scene.Answer("192.0.2.10:3478", 0), Result::kSent);
  CHECK_EQ(scene.Answer("192.0.2.11:3478", 0), Result::kWithheld);
}

TEST(ManyRelaysAreAllKnownAndTooManyStopTheHints) {
  Scene scene(1'000'000);
  std::vector<Endpoint> hosts;
  for (uint32_t i = 0; i < kRelayHostsMax; ++i) {
    const uint8_t ip[4] = {10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    hosts.push_back(Endpoint{IpAddress::FromIpv4(ip), 0});
  }
  scene.relays.Set(hosts);
  for (const Endpoint& host : hosts) CHECK(scene.relays.Contain({host.ip, 3478}));
  CHECK_EQ(scene.Answer("203.0.113.7:4000", 0), Result::kSent);
  hosts.push_back(ToEndpoint("192.0.2.1:0"));
  scene.relays.Set(hosts);
  CHECK_EQ(scene.Answer("203.0.113.7:4000", kNsPerSecond), Result::kWithheld);
  scene.relays.Set({});
  CHECK_EQ(scene.Answer("203.0.113.7:4000", kNsPerSecond), Result::kSent);
}

}  // namespace
}  // namespace turnpike
