#include "io/flow_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace turnpike {
namespace {

FlowKey KeyOf(uint16_t channel) {
  FlowKey key;
  key.channel = channel;
  return key;
}

// Removes the first flow of a list until none is left, as the close of an endpoint does.
std::vector<uint16_t> TakeAll(FlowRecords& records, uint32_t* list) {
  std::vector<uint16_t> channels;
  while (*list != FlowRecords::kNoFlow) {
    const FlowKey key = records.KeyOf(*list);
    channels.push_back(key.channel);
    EXPECT_TRUE(records.Erase(key, list));
  }
  std::sort(channels.begin(), channels.end());
  return channels;
}

TEST(FlowRecords, AListHasTheFlowsThatWereAddedToItAndNotErased) {
  constexpr uint16_t kFlows = 60;
  FlowRecords records;
  EXPECT_TRUE(records.Allocate(kFlows, SipKey{1, 2}).ok());
  std::array<uint32_t, 3> lists;
  lists.fill(FlowRecords::kNoFlow);
  // A flow belongs to the list of its number modulo four; the fourth is that of no endpoint.
  const auto list_of = [&](uint16_t flow) { return flow % 4 == 3 ? nullptr : &lists[flow % 4]; };
  std::mt19937 random(5);
  std::vector<bool> model(kFlows);
  for (int round = 0; round < 200; ++round) {
    for (int step = 0; step < 50; ++step) {
      const auto flow = static_cast<uint16_t>(random() % kFlows);
      if (random() % 3 != 0) {
        EXPECT_EQ(records.Insert(KeyOf(flow), list_of(flow)), !model[flow]);
        model[flow] = true;
      } else {
        EXPECT_EQ(records.Erase(KeyOf(flow), list_of(flow)), model[flow]);
        model[flow] = false;
      }
      EXPECT_EQ(records.Has(KeyOf(flow)), model[flow]);
      EXPECT_EQ(records.NumberOf(KeyOf(flow)).has_value(), model[flow]);
    }
    const uint16_t emptied = random() % 3;
    std::vector<uint16_t> expected;
    for (uint16_t flow = 0; flow < kFlows; ++flow) {
      if (flow % 4 != emptied || !model[flow]) continue;
      expected.push_back(flow);
      model[flow] = false;
    }
    EXPECT_EQ(TakeAll(records, &lists[emptied]), expected);
  }
}

}  // namespace
}  // namespace turnpike
