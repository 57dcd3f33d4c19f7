// A port that is flooded while others share its worker's receive buffer.
#include <gtest/gtest.h>

#include <string>

#include "io/crowded_buffer.h"
#include "steering_world.h"
#include "stopped_thread.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::Family;
using test::kFamilies;
using test::kNoNamespaces;
using test::Plane;
using test::Scene;
using test::StoppedThread;
using test::ToTransportAddress;
using test::Udp;
using test::WaitFor;

constexpr uint64_t kQuiet = 100;

// More than a shared socket holds, whose buffer the kernel doubles: one datagram takes at least
// kMessageOverheadBytes of it.
constexpr int kFlood = 2 * (1 << 20) / static_cast<int>(kMessageOverheadBytes) + 1'000;

// What one endpoint of a count has received.
struct Counted {
  uint32_t crowd = 0;
  uint32_t crowd_bytes = 0;
};

bool Count(CrowdedBuffer& buffer, Counted& endpoint, uint32_t messages, uint32_t length) {
  bool crowds = false;
  for (uint32_t i = 0; i < messages; ++i) {
    crowds = buffer.Count(length, &endpoint.crowd, &endpoint.crowd_bytes);
  }
  return crowds;
}

TEST(CrowdedBuffer, NamesAnEndpointWithMoreThanItsShareOfACount) {
  CrowdedBuffer buffer;
  buffer.Note(true);
  Counted heavy;
  Counted light[200];
  const uint32_t length = 100;
  const uint32_t share = kCrowdShareBytes / (length + kMessageOverheadBytes);
  for (Counted& each : light) EXPECT_FALSE(Count(buffer, each, 40, length));
  EXPECT_FALSE(Count(buffer, heavy, share, length));
  EXPECT_TRUE(Count(buffer, heavy, 1, length));
}

TEST(CrowdedBuffer, ForgetsWithEachCount) {
  CrowdedBuffer buffer;
  buffer.Note(true);
  Counted endpoints[200];
  const uint32_t length = 1'000;
  // Each has half of a share in a count, for ten counts.
  const uint32_t half = kCrowdShareBytes / 2 / (length + kMessageOverheadBytes);
  const uint32_t rounds = 10 * kCrowdBytes / (200 * kCrowdShareBytes / 2);
  for (uint32_t round = 0; round < rounds; ++round) {
    for (Counted& each : endpoints) EXPECT_FALSE(Count(buffer, each, half, length));
  }
  // A buffer that was not half full meanwhile.
  Counted other;
  EXPECT_FALSE(Count(buffer, other, half, length));
  buffer.Note(false);
  EXPECT_FALSE(buffer.counting());
  buffer.Note(true);
  EXPECT_FALSE(Count(buffer, other, half * 3 / 2, length));
}

TEST(CrowdedBuffer, IsLookedAtFromTimeToTime) {
  CrowdedBuffer buffer;
  EXPECT_TRUE(buffer.IsLookDue(kCrowdLookEveryNs));
  EXPECT_FALSE(buffer.IsLookDue(2 * kCrowdLookEveryNs - 1));
  EXPECT_TRUE(buffer.IsLookDue(2 * kCrowdLookEveryNs));
}

void Send(Udp& peer, const TransportAddress& to, uint64_t datagrams) {
  for (uint64_t i = 0; i < datagrams; ++i) peer.Send(to, Bytes(1));
}

// While its worker stands still, more arrives at one port than the shared buffer holds. Nobody has
// a permission for it.
void Flood(Udp& peer, const TransportAddress& flooded, Udp& other, const TransportAddress& quiet) {
  const StoppedThread stopped("turnpike-0");
  Send(peer, flooded, kFlood);
  Send(other, quiet, kQuiet);
}

TEST(SteeringCrowd, AFloodedPortLeavesTheBufferToTheOthers) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  for (const Family& family : kFamilies) {
    Plane plane(1);
    ASSERT_TRUE(plane.pool.steers());
    Udp flooder(family.peer);
    std::string from = family.peer;
    from.back() = '1';
    Udp friendly(from);
    TransportAddress flooded;
    TransportAddress quiet;
    plane.Open(0, ToTransportAddress(family.relay), &flooded);
    plane.Open(0, ToTransportAddress(family.relay), &quiet);
    Flood(flooder, flooded, friendly, quiet);
    WaitFor([&] { return plane.Count(Counter::kSteeringStopped) == 1; });

    // Another flood takes nothing from the other port, which is steered still.
    WaitFor([&] {
      const uint64_t before = plane.steered();
      Send(friendly, quiet, 1);
      WaitFor([&] { return plane.steered() > before; });
      return plane.steered() == before + 1;
    });
    const uint64_t before = plane.steered();
    Flood(flooder, flooded, friendly, quiet);
    WaitFor([&] { return plane.steered() >= before + kQuiet; });
    EXPECT_EQ(plane.steered(), before + kQuiet);
    EXPECT_EQ(plane.Count(Counter::kSteeringStopped), 1u);
  }
}

}  // namespace
}  // namespace turnpike
