// The BPF object and the user-space build give the same result for every frame, byte for byte, and
// for the corpus the expected one.
#include "xdp_program.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "xdp/coarse_clock.h"
#include "xdp/xdp_counters.h"
#include "xdp_corpus.h"
#include "xdp_scene.h"

namespace turnpike::test {
namespace {

// Skips the test without the rights for BPF. Any other error is a failure.
#define ASSERT_LOADED(path)                                        \
  if ((path).error() == EPERM || (path).error() == ENOSYS) {       \
    GTEST_SKIP() << "BPF programs need CAP_BPF and CAP_NET_ADMIN"; \
  }                                                                \
  ASSERT_EQ((path).error(), 0) << "cannot " << (path).step()

void CheckSame(const std::string& what, const Passage& program, const Passage& user) {
  if (program.action == user.action && program.frame == user.frame) return;
  ADD_FAILURE() << what + "\n  the program: " + std::to_string(program.action) + " " +
                       ToHex(program.frame.data(), program.frame.size());
}

// Sends signals to the thread that created it while it lives.
class Interruptions {
 public:
  Interruptions() : target_(pthread_self()) {
    struct sigaction handle {};
    handle.sa_handler = [](int) {};
    sigaction(SIGUSR1, &handle, &before_);
    thread_ = std::thread([this] {
      while (!stop_) pthread_kill(target_, SIGUSR1);
    });
  }
  ~Interruptions() {
    stop_ = true;
    thread_.join();
    sigaction(SIGUSR1, &before_, nullptr);
  }

 private:
  const pthread_t target_;
  struct sigaction before_ {};
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST(XdpProgram, LoadsWhileSignalsArrive) {
  const Interruptions interruptions;
  for (int i = 0; i < 10; ++i) {
    const ProgramPath program;
    ASSERT_LOADED(program);
  }
}

TEST(XdpProgram, TheCorpusGivesTheSameBytesInTheKernel) {
  for (uint32_t mix = 0; mix < kFamilyMixes; ++mix) {
    ProgramPath program;
    ASSERT_LOADED(program);
    UserPath user(program.cpu());
    std::vector<Passage> in_user_space;
    XdpCorpus(user, mix).Run([&](const std::string&, const Bytes&, const Passage& passage) {
      in_user_space.push_back(passage);
    });
    size_t next = 0;
    XdpCorpus corpus(program, mix);
    corpus.Run([&](const std::string& line, const Bytes& frame, const Passage& passage) {
      // The kernel runs no program on less than an Ethernet header.
      if (frame.size() >= 14) CheckSame(line, passage, in_user_space[next]);
      ++next;
    });
    EXPECT_TRUE(corpus.forwarded() >= 15);
    for (int i = 0; i < TP_COUNTER_COUNT; ++i) {
      EXPECT_EQ(program.Count(static_cast<tp_counter>(i)), user.Count(static_cast<tp_counter>(i)));
    }
    EXPECT_EQ(program.Traffic(2).received, user.Traffic(2).received);
    EXPECT_EQ(program.Traffic(2).lost, user.Traffic(2).lost);
  }
}

TEST(XdpProgram, EveryKindAndLengthGivesTheSameBytesInTheKernel) {
  ProgramPath program;
  ASSERT_LOADED(program);
  UserPath user(program.cpu());
  XdpScene in_kernel(program);
  XdpScene scene(user);
  in_kernel.PutChannel();
  scene.PutChannel();
  uint64_t sequence = 0;
  for (uint32_t length = 0; length < 1'480; length += length < 70 ? 1 : 61) {
    sequence += 3;
    Bytes data(length);
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * length + i);
    Bytes padded = scene.FromClient(data);
    if (padded.size() < 60) padded.resize(60, 0xaa);
    const Bytes frames[] = {padded,
                            scene.FromRelay(sequence, data, static_cast<uint16_t>(sequence)),
                            WithIpFields(scene.FromClientToPeer(data, length % 4), 9, 0xb9),
                            WithIpFields(scene.FromPeer(data), 255, 0x2e)};
    for (const Bytes& frame : frames) CheckSame("a frame", program.Run(frame), user.Run(frame));
  }
  EXPECT_EQ(program.Traffic(XdpScene::kRelayIndex).lost, user.Traffic(XdpScene::kRelayIndex).lost);
  EXPECT_TRUE(program.Count(TP_COUNT_TRUNK_TO_CLIENT) > 50);
}

TEST(XdpProgram, PacketsOfSocketsLeftOutArePassedUp) {
  constexpr uint32_t kClients = 1;
  constexpr uint32_t kTrunk = 1u << TP_SOCKETS_PER_SIDE;
  ProgramPath program;
  ASSERT_LOADED(program);
  UserPath user(program.cpu());
  uint64_t sequence = 1'000;
  for (const uint32_t left_out : {kClients, kTrunk, kClients | kTrunk, 2u | 2u * kTrunk, 0u}) {
    for (XdpPath* path : {static_cast<XdpPath*>(&program), static_cast<XdpPath*>(&user)}) {
      XdpScene scene(*path);
      path->LeaveOut(left_out);
      // A packet is passed up if the socket of either end is left out.
      const bool passed = (left_out & (kClients | kTrunk)) != 0;
      for (const Bytes& frame : {scene.FromClient({'a'}), scene.FromRelay(++sequence, {'b'})}) {
        const Passage passage = path->Run(frame);
        EXPECT_EQ(passage.action, static_cast<int>(passed ? XDP_PASS : XDP_TX));
        EXPECT_EQ(passage.frame == frame, passed);
      }
    }
  }
}

TEST(XdpProgram, PacketsOfExpiredEntriesArePassedUp) {
  ProgramPath program;
  ASSERT_LOADED(program);
  UserPath user(program.cpu());
  uint64_t sequence = 0;
  for (XdpPath* path : {static_cast<XdpPath*>(&program), static_cast<XdpPath*>(&user)}) {
    XdpScene scene(*path);
    scene.PutChannel();
    const auto run = [&](bool passed) {
      for (const Bytes& frame : {scene.FromClient({'a'}), scene.FromRelay(++sequence, {'b'}),
                                 scene.FromClientToPeer({'c'}), scene.FromPeer({'d'})}) {
        const Passage passage = path->Run(frame);
        EXPECT_EQ(passage.action, static_cast<int>(passed ? XDP_PASS : XDP_TX));
        EXPECT_EQ(passage.frame == frame, passed);
      }
    };
    // Entries without an expiry never expire. With one, they expire at second 1,000.
    run(false);
    scene.Expire(1'000);
    for (const uint32_t second : {0u, 1u, 999u}) {
      path->SetSecond(second);
      run(false);
    }
    const uint64_t counted = path->Count(TP_COUNT_TRUNK_RX_BYTES);
    for (const uint32_t second : {1'000u, 1'001u, UINT32_MAX}) {
      path->SetSecond(second);
      run(true);
    }
    EXPECT_EQ(path->Count(TP_COUNT_TRUNK_RX_BYTES), counted);
    scene.Expire(0);
    run(false);
  }
}

TEST(XdpProgram, TakesBytesOfABucketBesideAWorker) {
  constexpr uint32_t kBytes = 1'000;
  ProgramPath program;
  ASSERT_LOADED(program);
  XdpScene scene(program);
  scene.PutChannel();
  BandwidthBuckets buckets;
  ASSERT_TRUE(buckets.Allocate(XdpScene::kBucket).ok());
  buckets.Share(program.SharedBuckets());
  program.SetAnyBounded(true);
  const Bytes frames[] = {scene.FromClientToPeer(Bytes(kBytes)), scene.FromPeer(Bytes(kBytes))};
  const auto sends = [&](int i) { return program.Run(frames[i % 2]).action == XDP_TX; };
  // At these rates the bucket gains no datagram while the test runs.
  for (const uint64_t rate : {1, 2, 3}) {
    buckets.SetRate(XdpScene::kBucket, rate);
    uint64_t by_worker = 0;
    std::thread worker([&] {
      for (int i = 0; i < 20; ++i) {
        by_worker += buckets.Take(XdpScene::kBucket, kBytes, CoarseMonotonicNs());
      }
    });
    uint64_t by_program = 0;
    for (int i = 0; i < 20; ++i) by_program += sends(i);
    worker.join();
    // Whatever another takes at the same time, no more than the bucket holds passes.
    for (int i = 0; i < 100; ++i) by_program += sends(i);
    EXPECT_EQ(by_program + by_worker, kBurstBytesMin / kBytes);
    EXPECT_TRUE(by_program >= 45);
    EXPECT_FALSE(buckets.Take(XdpScene::kBucket, kBytes, CoarseMonotonicNs()));
  }
  buckets.SetRate(XdpScene::kBucket, 0);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(sends(i));
}

TEST(XdpProgram, RedirectsToAnotherInterface) {
  ProgramPath program;
  ASSERT_LOADED(program);
  XdpScene scene(program);
  program.PutHop(0, ToHop(kIngress + 1));
  EXPECT_EQ(program.Run(scene.FromClient({'a'})).action, static_cast<int>(XDP_REDIRECT));
}

TEST(XdpProgram, DataOfAllocationsCountsOnTheRelayedSide) {
  ProgramPath program;
  ASSERT_LOADED(program);
  XdpScene scene(program);
  scene.PutChannel();
  CounterCell cells[kCounterRowCells]{};
  XdpCounters counters;
  counters.Open(program.program(), cells, nullptr, 0);
  program.Run(scene.FromClientToPeer({'a'}, 3));
  program.Run(scene.FromPeer({'b', 'c'}));
  counters.Collect();
  const auto count = [&cells](Counter counter) {
    return cells[static_cast<size_t>(counter)].Get();
  };
  EXPECT_EQ(count(static_cast<Counter>(Verdict::kClientToPeer)), 1u);
  EXPECT_EQ(count(static_cast<Counter>(Verdict::kPeerToClient)), 1u);
  EXPECT_EQ(count(Counter::kClientRxPackets), 1u);
  EXPECT_EQ(count(Counter::kClientTxPackets), 1u);
  EXPECT_EQ(count(Counter::kRelayedRxPackets), 1u);
  EXPECT_EQ(count(Counter::kRelayedTxPackets), 1u);
  EXPECT_EQ(count(Counter::kClientRxBytes), 8u);
  EXPECT_EQ(count(Counter::kRelayedTxBytes), 1u);
  EXPECT_EQ(count(Counter::kRelayedRxBytes), 2u);
  EXPECT_EQ(count(Counter::kClientTxBytes), 6u);
}

}  // namespace
}  // namespace turnpike::test
