// Attachment of the fast path to devices, and its end with a device or with the process.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "xdp_connection.h"
#include "xdp_refusal.h"

namespace turnpike::test {
namespace {

void ExpectAttached(XdpPlane* plane, const std::vector<std::string>& names) {
  for (int waited_ms = 0; waited_ms < kWaitMs && plane->AttachedDevices() != names; ++waited_ms) {
    usleep(1'000);
  }
  EXPECT_TRUE(plane->AttachedDevices() == names);
}

TEST(XdpDevices, TheProgramEndsWithItsProcessAndReplacesNoOther) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(world.relay_host);
  int ready[2];
  EXPECT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    XdpPlane plane;
    const char ok = plane.Open(world.Options()).ok() ? 'y' : 'n';
    [[maybe_unused]] const ssize_t written = write(ready[1], &ok, 1);
    while (true) pause();
  }
  char ok = 'n';
  EXPECT_EQ(read(ready[0], &ok, 1), 1);
  EXPECT_EQ(ok, 'y');
  {
    XdpPlane second;
    const Status status = second.Open(world.Options());
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.message, std::string("another XDP program is attached to r0"));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  // The kernel detaches the program at the end of the process, or shortly after it.
  bool opened = false;
  for (int waited_ms = 0; waited_ms < kWaitMs && !opened; waited_ms += 20) {
    XdpPlane plane;
    opened = plane.Open(world.Options()).ok();
    if (!opened) usleep(20'000);
  }
  EXPECT_TRUE(opened);
}

TEST(XdpDevices, ARecreatedDeviceGetsTheProgramAgain) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  connection.ExpectBothWays();
  {
    const Inside inside(world.relay_host);
    EXPECT_TRUE(Ip("link del r1"));
  }
  ExpectAttached(&connection.plane, {"r0"});
  world.JoinOther();
  ExpectAttached(&connection.plane, {"r0", "r1"});
  connection.ExpectBothWays();
  {
    const Inside inside(world.relay_host);
    EXPECT_TRUE(Ip("link show r1 | grep -q xdp"));
    EXPECT_TRUE(Ip("link set r1 down"));
    EXPECT_TRUE(Ip("link set r1 name elsewhere"));
  }
  ExpectAttached(&connection.plane, {"r0"});
}

TEST(XdpDevices, ADeviceThatAnotherProgramHeldIsAttachedLater) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  Connection connection(world, "10.77.1.", "10.77.2.");
  const Inside inside(world.relay_host);
  EXPECT_TRUE(Ip("link del r1"));
  ExpectAttached(&connection.plane, {"r0"});
  EXPECT_TRUE(Ip("link add v0 type veth peer name v1"));
  const int other = AttachPass("v0");
  EXPECT_TRUE(Ip("link set v0 name r1"));
  usleep(300'000);
  ExpectAttached(&connection.plane, {"r0"});
  // The end of the other program sends no notification.
  close(other);
  ExpectAttached(&connection.plane, {"r0", "r1"});
}

TEST(XdpDevices, AFailedMappingOfTablesIsReported) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(world.relay_host);
  WhileRefused({__NR_mmap, 3, MAP_SHARED}, [&world] {
    XdpPlane plane;
    EXPECT_EQ(plane.Open(world.Options()).message, std::string("cannot map a BPF array"));
  });
}

TEST(XdpDevices, GenericXdpIsUsedOnlyIfAllowed) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(world.relay_host);
  EXPECT_TRUE(Ip("link add bridge1 type bridge"));
  EXPECT_TRUE(Ip("link set bridge1 up"));
  XdpOptions options = world.Options();
  options.interfaces = {"bridge1"};
  {
    XdpPlane plane;
    const Status status = plane.Open(options);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.message, std::string("the driver of bridge1 cannot run XDP as it is set up"));
  }
  options.generic_allowed = true;
  XdpPlane plane;
  EXPECT_TRUE(plane.Open(options).ok());
  EXPECT_TRUE(plane.generic());
  options.interfaces = {"r0", "none"};
  XdpPlane other;
  EXPECT_EQ(other.Open(options).message, std::string("there is no network device none"));
}

TEST(XdpDevices, AllDevicesUseGenericXdpIfOneNeedsIt) {
  World world;
  if (!world.Make()) GTEST_SKIP() << kNoNamespaces;
  {
    // Frames that r0's driver redirects to a bridge are lost.
    const Inside inside(world.relay_host);
    EXPECT_TRUE(Ip("link add bridge1 type bridge"));
    EXPECT_TRUE(Ip("addr flush dev r1"));
    EXPECT_TRUE(Ip("link set r1 master bridge1"));
    EXPECT_TRUE(Ip("addr add 10.77.2.1/24 dev bridge1"));
    EXPECT_TRUE(Ip("link set bridge1 up"));
  }
  world.interfaces = {"r0", "bridge1"};
  world.generic_allowed = true;
  Connection connection(world, "10.77.1.", "10.77.2.");
  EXPECT_TRUE(connection.plane.generic());
  connection.ExpectBothWays();
  const Inside inside(world.relay_host);
  EXPECT_TRUE(Ip("link show r0 | grep -q xdpgeneric"));
}

TEST(XdpDevices, NewsOfLinksThatWereLostCountAsNews) {
  Host host;
  if (!host.Make()) GTEST_SKIP() << kNoNamespaces;
  const Inside inside(host);
  EXPECT_TRUE(Ip("link add d0 type veth peer name d1"));
  NetlinkEvents events;
  EXPECT_TRUE(events.Open().ok());
  const int bytes = 1;
  EXPECT_EQ(setsockopt(events.fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
  for (int i = 1; i < 20; ++i)
    EXPECT_TRUE(Ip("addr add 10.9.0." + std::to_string(i) + "/32 dev lo"));
  // The kernel has no room for this one.
  EXPECT_TRUE(Ip("link set d0 up"));
  const NetlinkEvents::Changes changes = events.Take([](const Neighbour&) {});
  EXPECT_TRUE(changes.any);
  EXPECT_TRUE(changes.links);
}

}  // namespace
}  // namespace turnpike::test
