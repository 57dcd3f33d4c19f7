#include "io/receive_coalescer.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

constexpr uint64_t kLimitNs = 50'000;

// Runs turns of `messages` each at intervals of `apart_ns`. Returns the number of pauses.
int Pauses(ReceiveCoalescer& coalescer, int turns, uint32_t messages, uint64_t apart_ns,
           uint64_t* now_ns) {
  int pauses = 0;
  for (int i = 0; i < turns; ++i) {
    *now_ns += apart_ns;
    coalescer.Count(messages, *now_ns);
    if (coalescer.TakePause() > 0) ++pauses;
  }
  return pauses;
}

TEST(ReceiveCoalescer, AnIdleWorkerNeverPauses) {
  ReceiveCoalescer coalescer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  // 10,000 packets a second, one at a time.
  EXPECT_EQ(Pauses(coalescer, 1'000, 1, 100'000, &now_ns), 0);
}

TEST(ReceiveCoalescer, UnderLoadEveryTurnPausesForTheLimit) {
  ReceiveCoalescer coalescer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  // 400,000 packets a second.
  Pauses(coalescer, 1'000, 2, 5'000, &now_ns);
  coalescer.Count(2, now_ns += 5'000);
  EXPECT_EQ(coalescer.TakePause(), kLimitNs);
  EXPECT_EQ(Pauses(coalescer, 100, 20, kLimitNs, &now_ns), 100);
}

TEST(ReceiveCoalescer, AnAlmostEmptyTurnEndsThePauses) {
  ReceiveCoalescer coalescer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  Pauses(coalescer, 1'000, 20, kLimitNs, &now_ns);
  EXPECT_EQ(Pauses(coalescer, 1, 1, kLimitNs, &now_ns), 0);
}

TEST(ReceiveCoalescer, AnEmptyPauseIsTheLast) {
  ReceiveCoalescer coalescer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  // The last turn of the load paused, and nothing was counted after it.
  EXPECT_TRUE(Pauses(coalescer, 1'000, 20, kLimitNs, &now_ns) > 0);
  EXPECT_EQ(coalescer.TakePause(), 0u);
  EXPECT_EQ(coalescer.TakePause(), 0u);
  // For the next message the worker counts as idle.
  EXPECT_EQ(Pauses(coalescer, 1, 1, 1'000'000, &now_ns), 0);
}

TEST(ReceiveCoalescer, IsolatedBurstsAreNoLoad) {
  ReceiveCoalescer coalescer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  for (int i = 0; i < 100; ++i) {
    now_ns += 100'000'000;
    coalescer.Count(64, now_ns);
    EXPECT_EQ(coalescer.TakePause(), 0u);
  }
}

TEST(ReceiveCoalescer, ALimitOfZeroMeansNoPause) {
  ReceiveCoalescer coalescer(0);
  uint64_t now_ns = 1'000'000'000;
  EXPECT_EQ(Pauses(coalescer, 1'000, 64, 1'000, &now_ns), 0);
}

}  // namespace
}  // namespace turnpike
