// Ports of relayed endpoints that a BPF program steers to the workers' shared sockets, in network
// namespaces of the tests.
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "steering_world.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::Family;
using test::kFamilies;
using test::kNoNamespaces;
using test::Plane;
using test::Scene;
using test::ToTransportAddress;
using test::Udp;
using test::WaitFor;

// Returns the descriptors of the steering links of this thread's network namespace.
std::vector<int> Links() {
  struct stat here;
  EXPECT_EQ(stat("/proc/thread-self/ns/net", &here), 0);
  std::vector<int> links;
  bpf_attr attributes;
  for (uint32_t id = 0;; id = attributes.next_id) {
    std::memset(&attributes, 0, sizeof(attributes));
    attributes.start_id = id;
    if (syscall(__NR_bpf, BPF_LINK_GET_NEXT_ID, &attributes, sizeof(attributes)) != 0) break;
    bpf_attr of_id{};
    of_id.link_id = attributes.next_id;
    const int link =
        static_cast<int>(syscall(__NR_bpf, BPF_LINK_GET_FD_BY_ID, &of_id, sizeof(of_id)));
    if (link < 0) continue;
    bpf_link_info info{};
    bpf_attr of_fd{};
    of_fd.info.bpf_fd = static_cast<uint32_t>(link);
    of_fd.info.info_len = sizeof(info);
    of_fd.info.info = reinterpret_cast<uintptr_t>(&info);
    const bool is_here = syscall(__NR_bpf, BPF_OBJ_GET_INFO_BY_FD, &of_fd, sizeof(of_fd)) == 0 &&
                         info.type == BPF_LINK_TYPE_NETNS && info.netns.netns_ino == here.st_ino;
    if (is_here) {
      links.push_back(link);
    } else {
      close(link);
    }
  }
  return links;
}

size_t LinkCount() {
  const std::vector<int> links = Links();
  for (const int link : links) close(link);
  return links.size();
}

void DetachAll() {
  for (const int link : Links()) {
    bpf_attr attributes{};
    attributes.link_detach.link_fd = static_cast<uint32_t>(link);
    EXPECT_EQ(syscall(__NR_bpf, BPF_LINK_DETACH, &attributes, sizeof(attributes)), 0);
    close(link);
  }
}

// Takes a capability from this thread.
void Drop(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  ASSERT_EQ(syscall(SYS_capget, &header, data), 0);
  for (auto& word : {&data[capability / 32].effective, &data[capability / 32].permitted}) {
    *word &= ~(1u << capability % 32);
  }
  ASSERT_EQ(syscall(SYS_capset, &header, data), 0);
}

TEST(Steering, EndpointsReceiveByTheSharedSocketsOfTheirWorkers) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  Plane plane;
  EXPECT_TRUE(plane.pool.steers()) << plane.pool.steering_status().message;
  uint64_t sent = 0;
  for (const Family& family : kFamilies) {
    Udp peer(family.peer);
    for (uint32_t worker = 0; worker < 2; ++worker) {
      TransportAddress bound;
      plane.Open(worker, ToTransportAddress(family.relay), &bound);
      for (int i = 0; i < 5; ++i) peer.Send(bound, Bytes(100));
      sent += 5;
      plane.ExpectReceived(sent, sent);
    }
  }
}

TEST(Steering, TwoPlanesOfOneAddressKeepTheirPorts) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  Plane first;
  auto second = std::make_unique<Plane>();
  EXPECT_EQ(LinkCount(), 2u);
  const Family& family = kFamilies[0];
  Udp peer(family.peer);
  TransportAddress of_first;
  TransportAddress of_second;
  first.Open(1, ToTransportAddress(family.relay), &of_first);
  second->Open(0, ToTransportAddress(family.relay), &of_second);
  peer.Send(of_first, Bytes(1));
  peer.Send(of_second, Bytes(1));
  peer.Send(of_second, Bytes(1));
  first.ExpectReceived(1, 1);
  second->ExpectReceived(2, 2);
  second.reset();
  EXPECT_EQ(LinkCount(), 1u);
  Udp other("192.0.2.1:" + std::to_string(of_second.port));
  peer.Send(of_second, Bytes(3));
  Bytes data;
  TransportAddress from;
  EXPECT_TRUE(other.Receive(&data, &from, 10'000));
  peer.Send(of_first, Bytes(1));
  first.ExpectReceived(2, 2);
}

TEST(Steering, APortIsFreeForOthersAfterItsEndpointIsClosed) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  Plane plane;
  for (const Family& family : kFamilies) {
    Udp peer(family.peer);
    TransportAddress bound;
    const TransportHandle handle = plane.Open(1, ToTransportAddress(family.relay), &bound);
    plane.CloseEndpoint(handle);
    {
      std::string text = family.relay;
      Udp other(text.substr(0, text.size() - 1) + std::to_string(bound.port));
      peer.Send(bound, Bytes(1));
      Bytes data;
      TransportAddress from;
      EXPECT_TRUE(other.Receive(&data, &from, 10'000));
    }
    const uint64_t before = plane.received();
    plane.Open(0, bound, &bound);
    peer.Send(bound, Bytes(1));
    plane.ExpectReceived(before + 1, before + 1);
  }
}

TEST(Steering, WithoutTheProgramEachSocketReceives) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  Plane plane;
  uint64_t sent = 0;
  TransportAddress bound[2][2];
  TransportHandle handles[2][2];
  const auto send_all = [&] {
    for (int i = 0; i < 2; ++i) {
      Udp peer(kFamilies[i].peer);
      for (const TransportAddress& to : bound[i]) peer.Send(to, Bytes(10));
      sent += 2;
    }
  };
  for (int i = 0; i < 2; ++i) {
    for (uint32_t worker = 0; worker < 2; ++worker) {
      handles[i][worker] =
          plane.Open(worker, ToTransportAddress(kFamilies[i].relay), &bound[i][worker]);
    }
  }
  send_all();
  plane.ExpectReceived(sent, 4);
  EXPECT_FALSE(plane.pool.lost_steering());
  DetachAll();
  EXPECT_FALSE(plane.pool.steers());
  EXPECT_TRUE(plane.pool.lost_steering());
  send_all();
  plane.ExpectReceived(sent, 4);
  plane.CloseEndpoint(handles[0][0]);
  TransportAddress later;
  plane.Open(0, ToTransportAddress(kFamilies[0].relay), &later);
  Udp peer(kFamilies[0].peer);
  peer.Send(later, Bytes(10));
  plane.ExpectReceived(sent + 1, 4);
}

TEST(Steering, IcmpErrorsAreReportedWithAndWithoutTheProgram) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  // The last two rounds are about one family each, without the program.
  for (int round = 0; round < 3; ++round) {
    const bool detached = round > 0;
    Plane plane;
    if (detached) DetachAll();
    for (const Family& family : kFamilies) {
      if (detached && &family != &kFamilies[round - 1]) continue;
      for (uint32_t worker = 0; worker < 2; ++worker) {
        TransportAddress bound;
        const TransportHandle handle = plane.Open(worker, ToTransportAddress(family.relay), &bound);
        const FiveTuple path{ToTransportAddress(family.closed_port), IpAddress{}, handle};
        for (int i = 0; i < 3; ++i) {
          const uint64_t before = plane.Count(Counter::kIcmpErrors);
          const uint8_t data[] = {1};
          EXPECT_EQ(plane.controller->Send(Side::kRelayed, kEveryWorker, path, data, 1),
                    StatusCode::kOk);
          const EndpointReport report = plane.NextReport();
          EXPECT_EQ(report.kind, PuntKind::kIcmpError);
          EXPECT_EQ(report.handle, handle.ToNumber());
          EXPECT_EQ(report.remote, path.remote.ip);
          EXPECT_EQ(report.port, path.remote.port);
          EXPECT_EQ(report.icmp_type, family.icmp_type);
          EXPECT_EQ(report.icmp_code, family.icmp_code);
          EXPECT_EQ(report.icmp_info, 0u);
          EXPECT_EQ(plane.Count(Counter::kIcmpErrors), before + 1);
        }
      }
    }
  }
}

TEST(Steering, WithoutARightThePlaneWorksByTheSocketsOfEndpoints) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  for (const int capability : {CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW}) {
    // Takes the right of one thread only. CAP_SYS_ADMIN implies CAP_BPF.
    std::thread thread([&] {
      Drop(CAP_SYS_ADMIN);
      Drop(capability);
      Plane plane;
      EXPECT_FALSE(plane.pool.steers());
      EXPECT_FALSE(plane.pool.lost_steering());
      EXPECT_EQ(plane.pool.steering_status().error_number, EPERM) << capability;
      for (const Family& family : kFamilies) {
        Udp peer(family.peer);
        TransportAddress bound;
        plane.Open(1, ToTransportAddress(family.relay), &bound);
        const uint64_t before = plane.received();
        peer.Send(bound, Bytes(1));
        plane.ExpectReceived(before + 1, 0);
      }
    });
    thread.join();
  }
  // The three rights suffice.
  std::thread thread([] {
    Drop(CAP_SYS_ADMIN);
    Plane plane;
    EXPECT_TRUE(plane.pool.steers()) << plane.pool.steering_status().message;
  });
  thread.join();
}

TEST(Steering, AKilledProcessLeavesNothingBehind) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    Plane plane;
    TransportAddress bound;
    plane.Open(1, ToTransportAddress(kFamilies[0].relay), &bound);
    if (write(ready[1], &bound, sizeof(bound)) != sizeof(bound)) _exit(1);
    for (;;) pause();
  }
  TransportAddress bound;
  ASSERT_EQ(read(ready[0], &bound, sizeof(bound)), static_cast<ssize_t>(sizeof(bound)));
  EXPECT_EQ(LinkCount(), 1u);
  kill(child, SIGKILL);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  WaitFor([] { return LinkCount() == 0; });
  Udp other("192.0.2.1:" + std::to_string(bound.port));
  Udp peer(kFamilies[0].peer);
  peer.Send(bound, Bytes(1));
  Bytes data;
  TransportAddress from;
  EXPECT_TRUE(other.Receive(&data, &from, 10'000));
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace turnpike
