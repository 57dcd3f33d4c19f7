#include "io/endpoint_ids.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

namespace turnpike {
namespace {

TransportHandle Take(EndpointIds& ids) {
  const std::optional<TransportHandle> handle = ids.Take(Transport::kUdp);
  return handle ? *handle : TransportHandle();
}

TEST(EndpointIds, AHandleHasItsWorkerAndIsNoListener) {
  EndpointIds ids(3, 2);
  const TransportHandle handle = Take(ids);
  EXPECT_EQ(handle.transport(), Transport::kUdp);
  EXPECT_EQ(handle.worker(), 3);
  EXPECT_FALSE(handle.IsListener());
  EXPECT_GE(handle.id(), TransportHandle::kListeners);
  EXPECT_NE(handle.generation(), 0u);
  EXPECT_TRUE(TransportHandle::FromNumber(handle.ToNumber()) == handle);
}

TEST(EndpointIds, TakeFailsWhileAllIdsAreInUse) {
  EndpointIds ids(0, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ids.Take(Transport::kUdp).has_value());
  EXPECT_FALSE(ids.Take(Transport::kUdp).has_value());
}

TEST(EndpointIds, UnusedIdsComeFirstThenTheLongestFreed) {
  EndpointIds ids(0, 4);
  const TransportHandle first = Take(ids);
  const TransportHandle second = Take(ids);
  ids.GiveBack(second);
  ids.GiveBack(first);
  EXPECT_EQ(EndpointIds::SlotOf(Take(ids)), 2);
  EXPECT_EQ(EndpointIds::SlotOf(Take(ids)), 3);
  const TransportHandle again = Take(ids);
  EXPECT_EQ(again.id(), second.id());
  EXPECT_EQ(again.generation(), second.generation() + 1);
  EXPECT_EQ(Take(ids).id(), first.id());
}

TEST(EndpointIds, NoHandleRepeats) {
  EndpointIds ids(1, 16);
  std::set<uint64_t> given;
  std::deque<TransportHandle> in_use;
  std::mt19937 random(7);
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      const std::optional<TransportHandle> handle = ids.Take(Transport::kUdp);
      EXPECT_EQ(handle.has_value(), in_use.size() < 16);
      if (!handle) continue;
      EXPECT_TRUE(given.insert(handle->ToNumber()).second);
      in_use.push_back(*handle);
    } else if (!in_use.empty()) {
      ids.GiveBack(in_use.front());
      in_use.pop_front();
    }
  }
  EXPECT_GT(given.size(), 1'000u);
}

TEST(EndpointIds, GenerationsWrapAroundWithoutZero) {
  EndpointIds ids(0, 1);
  uint32_t before = 0;
  for (uint64_t i = 0; i < TransportHandle::kGenerationMask + uint64_t{2}; ++i) {
    const TransportHandle handle = Take(ids);
    if (handle.generation() == 0) FAIL() << "generation 0 after " << i;
    before = handle.generation();
    ids.GiveBack(handle);
  }
  EXPECT_EQ(before, 2u);
}

}  // namespace
}  // namespace turnpike
