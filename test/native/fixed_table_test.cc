#include "table/fixed_table.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace turnpike {
namespace {

TEST(FixedTable, AgreesWithAModel) {
  FixedTable<uint32_t, uint32_t> table;
  EXPECT_TRUE(table.Allocate(200, SipKey{1, 2}).ok());
  std::unordered_map<uint32_t, uint32_t> model;
  std::mt19937 random(1);
  for (int step = 0; step < 200'000; ++step) {
    const uint32_t key = random() % 400;
    if (random() % 2 == 0) {
      uint32_t* value = table.FindOrInsert(key);
      const bool fits = model.count(key) != 0 || model.size() < 200;
      EXPECT_EQ(value != nullptr, fits);
      if (value != nullptr) model[key] = *value = random();
    } else {
      EXPECT_EQ(table.Erase(key), model.erase(key) == 1);
    }
    EXPECT_EQ(table.size(), model.size());
    const uint32_t other = random() % 400;
    const uint32_t* found = table.Find(other);
    EXPECT_EQ(found != nullptr, model.count(other) == 1);
    if (found != nullptr) {
      EXPECT_EQ(*found, model[other]);
    }
  }
}

TEST(FixedTable, AFullTableRefusesOnlyNewKeys) {
  FixedTable<uint32_t, uint32_t> table;
  EXPECT_TRUE(table.Allocate(3, SipKey{}).ok());
  for (uint32_t key : {1, 2, 3}) *table.FindOrInsert(key) = key;
  EXPECT_TRUE(table.full());
  EXPECT_TRUE(table.FindOrInsert(4) == nullptr);
  EXPECT_TRUE(table.FindOrInsert(2) != nullptr);
  table.Erase(1);
  EXPECT_EQ(*table.FindOrInsert(4), 0u);
}

TEST(FixedTable, EqualChangesGiveEqualNumbers) {
  FixedTable<uint32_t, uint32_t> one;
  FixedTable<uint32_t, uint64_t> other;
  EXPECT_TRUE(one.Allocate(64, SipKey{1, 2}).ok());
  EXPECT_TRUE(other.Allocate(64, SipKey{3, 4}).ok());
  std::mt19937 random(7);
  for (int step = 0; step < 20'000; ++step) {
    const uint32_t key = random() % 100;
    if (random() % 2 == 0) {
      EXPECT_EQ(one.Erase(key), other.Erase(key));
      continue;
    }
    const uint32_t* in_one = one.FindOrInsert(key);
    const uint64_t* in_other = other.FindOrInsert(key);
    EXPECT_EQ(in_one == nullptr, in_other == nullptr);
    if (in_one == nullptr) continue;
    EXPECT_TRUE(one.NumberOf(in_one) < 64);
    EXPECT_EQ(one.NumberOf(in_one), other.NumberOf(in_other));
  }
}

TEST(FixedTable, AReusedEntryStartsAtZero) {
  FixedTable<uint32_t, uint32_t> table;
  EXPECT_TRUE(table.Allocate(1, SipKey{}).ok());
  *table.FindOrInsert(1) = 99;
  table.Erase(1);
  EXPECT_EQ(*table.FindOrInsert(2), 0u);
}

}  // namespace
}  // namespace turnpike
