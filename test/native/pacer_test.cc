#include "io/pacer.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

constexpr uint64_t kLimitNs = 50'000;

// Turns of `messages` each, `apart_ns` from one to the next; returns how many paused before.
int Pauses(Pacer& pacer, int turns, uint32_t messages, uint64_t apart_ns, uint64_t* now_ns) {
  int pauses = 0;
  for (int i = 0; i < turns; ++i) {
    *now_ns += apart_ns;
    pacer.Count(messages, *now_ns);
    if (pacer.TakePause() > 0) ++pauses;
  }
  return pauses;
}

TEST(Pacer, AnIdleWorkerNeverPauses) {
  Pacer pacer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  // 10,000 packets a second, one at a time.
  EXPECT_EQ(Pauses(pacer, 1'000, 1, 100'000, &now_ns), 0);
}

TEST(Pacer, UnderLoadEveryTurnPausesForTheLimit) {
  Pacer pacer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  // 400,000 packets a second.
  Pauses(pacer, 1'000, 2, 5'000, &now_ns);
  pacer.Count(2, now_ns += 5'000);
  EXPECT_EQ(pacer.TakePause(), kLimitNs);
  EXPECT_EQ(Pauses(pacer, 100, 20, kLimitNs, &now_ns), 100);
}

TEST(Pacer, APauseThatBringsNextToNothingEndsIt) {
  Pacer pacer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  Pauses(pacer, 1'000, 20, kLimitNs, &now_ns);
  EXPECT_EQ(Pauses(pacer, 1, 1, kLimitNs, &now_ns), 0);
}

TEST(Pacer, APauseThatBringsNothingIsTheLast) {
  Pacer pacer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  // The last turn of the load paused, and nothing was counted after it.
  EXPECT_TRUE(Pauses(pacer, 1'000, 20, kLimitNs, &now_ns) > 0);
  EXPECT_EQ(pacer.TakePause(), 0u);
  EXPECT_EQ(pacer.TakePause(), 0u);
  // What comes next is met as by an idle worker.
  EXPECT_EQ(Pauses(pacer, 1, 1, 1'000'000, &now_ns), 0);
}

TEST(Pacer, ABurstAloneIsNoLoad) {
  Pacer pacer(kLimitNs);
  uint64_t now_ns = 1'000'000'000;
  for (int i = 0; i < 100; ++i) {
    now_ns += 100'000'000;
    pacer.Count(64, now_ns);
    EXPECT_EQ(pacer.TakePause(), 0u);
  }
}

TEST(Pacer, ALimitOfZeroMeansNever) {
  Pacer pacer(0);
  uint64_t now_ns = 1'000'000'000;
  EXPECT_EQ(Pauses(pacer, 1'000, 64, 1'000, &now_ns), 0);
}

}  // namespace
}  // namespace turnpike
