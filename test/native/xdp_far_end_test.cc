// What is known of the other ends of veth devices.
#include <linux/capability.h>
#include <linux/if_link.h>

#include "xdp/far_end.h"
#include "xdp_world.h"

namespace turnpike::test {
namespace {

// Two hosts with a veth, whose ends are n0 and f0.
struct Pair {
  Host near;
  Host far;

  bool Make() {
    if (!near.Make() || !far.Make()) return false;
    const Inside inside(near);
    return Ip("link add n0 type veth peer name f0 netns " + far.path());
  }
  FarEnd Look() {
    const Inside inside(near);
    FarEnds ends;
    ends.Open();
    return ends.Look(if_nametoindex("n0"));
  }
};

// Takes CAP_NET_ADMIN from this thread while it lives.
class WithoutAdmin {
 public:
  WithoutAdmin() {
    EXPECT_EQ(syscall(SYS_capget, &header_, before_), 0);
    __user_cap_data_struct without[2] = {before_[0], before_[1]};
    without[0].effective &= ~(1u << CAP_NET_ADMIN);
    EXPECT_EQ(syscall(SYS_capset, &header_, without), 0);
  }
  ~WithoutAdmin() { EXPECT_EQ(syscall(SYS_capset, &header_, before_), 0); }
  WithoutAdmin(const WithoutAdmin&) = delete;
  WithoutAdmin& operator=(const WithoutAdmin&) = delete;

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct before_[2]{};
};

TEST(XdpFarEnd, AProgramInAnotherNamespaceIsSeen) {
  Pair pair;
  if (!pair.Make()) GTEST_SKIP() << kNoNamespaces;
  EXPECT_EQ(pair.Look(), FarEnd::kNoProgram);
  int link = -1;
  {
    const Inside inside(pair.far);
    link = AttachPass("f0");
  }
  EXPECT_EQ(pair.Look(), FarEnd::kTakes);
  close(link);
  EXPECT_EQ(pair.Look(), FarEnd::kNoProgram);
  {
    const Inside inside(pair.far);
    link = AttachPass("f0", XDP_FLAGS_SKB_MODE);
  }
  EXPECT_EQ(pair.Look(), FarEnd::kNoProgram) << "a generic program has the veth accept nothing";
  close(link);
}

TEST(XdpFarEnd, ItIsUnknownWithoutTheRightsToLook) {
  Pair pair;
  if (!pair.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(pair.near);
  FarEnds ends;
  ends.Open();
  const uint32_t near = if_nametoindex("n0");
  {
    const WithoutAdmin without;
    EXPECT_EQ(ends.Look(near), FarEnd::kUnknown);
  }
  EXPECT_EQ(ends.Look(near), FarEnd::kNoProgram);
}

TEST(XdpFarEnd, BothEndsMayBeInOneNamespace) {
  Host host;
  if (!host.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(host);
  EXPECT_TRUE(Ip("link add n0 type veth peer name f0"));
  FarEnds ends;
  ends.Open();
  EXPECT_EQ(ends.Look(if_nametoindex("n0")), FarEnd::kNoProgram);
  const int link = AttachPass("f0");
  EXPECT_EQ(ends.Look(if_nametoindex("n0")), FarEnd::kTakes);
  EXPECT_EQ(ends.Look(if_nametoindex("f0")), FarEnd::kNoProgram);
  close(link);
}

TEST(XdpFarEnd, OnlyAVethHasOne) {
  Host host;
  if (!host.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(host);
  FarEnds ends;
  ends.Open();
  EXPECT_EQ(ends.Look(if_nametoindex("lo")), FarEnd::kTakes);
  EXPECT_EQ(ends.Look(4'000), FarEnd::kTakes) << "no such device";
}

TEST(XdpFarEnd, ThePlaneNamesDevicesAsLongAsTheirOtherEndsTakeNothing) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  XdpPlane plane;
  const auto expect = [&](const std::vector<std::string>& expected) {
    std::vector<std::string> names;
    for (int waited_ms = 0; waited_ms <= kWaitMs; ++waited_ms) {
      names.clear();
      for (const XdpPlane::DoubtfulDevice& each : plane.DoubtfulDevices()) {
        EXPECT_EQ(each.far_end, FarEnd::kNoProgram);
        names.push_back(each.name);
      }
      if (names == expected) break;
      usleep(1'000);
    }
    EXPECT_EQ(names, expected);
  };
  world.DetachFarEnds();
  {
    const Inside inside(world.relay_host);
    EXPECT_TRUE(plane.Open(world.Options()).ok());
  }
  EXPECT_EQ(plane.DoubtfulDevices().size(), 2u) << "at once";
  int link = -1;
  {
    const Inside inside(world.client_host);
    link = AttachPass("c0");
  }
  expect({"r1"});
  close(link);
  expect({"r0", "r1"});
}

}  // namespace
}  // namespace turnpike::test
