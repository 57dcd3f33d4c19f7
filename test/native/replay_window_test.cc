#include "table/replay_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace turnpike {
namespace {

constexpr uint64_t kStart = uint64_t{1'795'334'400} << 32;

TEST(ReplayWindow, AcceptsEachNumberOnce) {
  std::atomic<uint64_t> highest{0};
  ReplayWindow window{};
  for (uint64_t i = 0; i < 10'000; ++i) {
    EXPECT_EQ(window.Accept(highest, kStart + i), ReplayVerdict::kFresh);
    EXPECT_EQ(window.Accept(highest, kStart + i), ReplayVerdict::kReplayed);
  }
}

TEST(ReplayWindow, AcceptsReorderingInTheWindow) {
  std::atomic<uint64_t> highest{0};
  ReplayWindow window{};
  EXPECT_EQ(window.Accept(highest, kStart), ReplayVerdict::kFresh);
  for (uint64_t behind = 1; behind < kReplayWindowBits; ++behind) {
    EXPECT_EQ(window.Accept(highest, kStart - behind), ReplayVerdict::kFresh);
    EXPECT_EQ(window.Accept(highest, kStart - behind), ReplayVerdict::kReplayed);
  }
  EXPECT_EQ(window.Accept(highest, kStart - kReplayWindowBits), ReplayVerdict::kTooOld);
}

TEST(ReplayWindow, AcceptsTheLargestNumberButNotZero) {
  std::atomic<uint64_t> highest{0};
  ReplayWindow window{};
  EXPECT_EQ(window.Accept(highest, 0), ReplayVerdict::kTooOld);
  EXPECT_EQ(window.Accept(highest, 1), ReplayVerdict::kFresh);
  EXPECT_EQ(window.Accept(highest, ~uint64_t{0}), ReplayVerdict::kFresh);
  EXPECT_EQ(window.Accept(highest, ~uint64_t{0}), ReplayVerdict::kReplayed);
  EXPECT_EQ(window.Accept(highest, ~uint64_t{0} - 1), ReplayVerdict::kFresh);
  EXPECT_EQ(window.Accept(highest, 1), ReplayVerdict::kTooOld);
}

// Numbers jump, go back and repeat, within and beyond the window.
TEST(ReplayWindow, AgreesWithAModel) {
  std::atomic<uint64_t> highest{0};
  ReplayWindow window{};
  std::set<uint64_t> accepted;
  std::mt19937_64 random(7);
  uint64_t newest = kStart;
  for (int step = 0; step < 200'000; ++step) {
    const uint64_t reach = random() % 8 == 0 ? 3 * kReplayWindowBits : 70;
    const uint64_t sequence = newest + random() % reach - random() % reach;
    const bool fresh = window.Accept(highest, sequence) == ReplayVerdict::kFresh;
    const bool in_window = sequence > newest || newest - sequence < kReplayWindowBits;
    const bool expected = (accepted.empty() || in_window) && accepted.count(sequence) == 0;
    EXPECT_EQ(fresh, expected);
    if (fresh) accepted.insert(sequence);
    newest = *accepted.rbegin();
  }
}

// Numbers go to two workers at random. None is accepted twice, and all new highest ones are.
TEST(ReplayWindow, TwoWorkersNeverAcceptTwice) {
  std::mt19937_64 random(11);
  std::atomic<uint64_t> highest{0};
  ReplayWindow windows[2]{};
  std::set<uint64_t> accepted;
  uint64_t newest = kStart;
  for (int step = 0; step < 200'000; ++step) {
    const uint64_t sequence = newest + random() % 40 - random() % 40;
    const bool ahead = sequence > newest || accepted.empty();
    const bool fresh = windows[random() % 2].Accept(highest, sequence) == ReplayVerdict::kFresh;
    if (fresh) {
      EXPECT_TRUE(accepted.insert(sequence).second);
    }
    EXPECT_TRUE(fresh || !ahead);
    newest = std::max(newest, sequence);
  }
}

TEST(ReplayWindow, ThreadsNeverAcceptTwice) {
  constexpr int kThreads = 4;
  constexpr uint64_t kNumbers = 50'000;
  std::atomic<uint64_t> highest{0};
  std::vector<std::atomic<int>> accepted(kNumbers);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      auto window = std::make_unique<ReplayWindow>();
      std::mt19937_64 random(thread);
      for (uint64_t i = 1; i < kNumbers; ++i) {
        const uint64_t back = random() % std::min<uint64_t>(i, 50);
        for (uint64_t number : {i, i - back}) {
          if (number == 0) continue;
          if (window->Accept(highest, number) == ReplayVerdict::kFresh) ++accepted[number];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint64_t number = 0; number < kNumbers; ++number) EXPECT_TRUE(accepted[number] <= 1);
  EXPECT_EQ(highest.load(), kNumbers - 1);
  EXPECT_EQ(accepted[kNumbers - 1].load(), 1);
}

}  // namespace
}  // namespace turnpike
