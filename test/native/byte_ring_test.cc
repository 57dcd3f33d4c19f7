#include "io/byte_ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <thread>

#include "support.h"

namespace turnpike {
namespace {

bool Push(ByteRing& ring, uint32_t length, uint8_t fill, uint64_t limit = 4096) {
  uint8_t* record = ring.Reserve(length, limit);
  if (record == nullptr) return false;
  std::memset(record, fill, length);
  ring.Commit();
  return true;
}

TEST(ByteRing, RecordsComeOutUnchangedAndInOrder) {
  ByteRing ring;
  EXPECT_TRUE(ring.Allocate(4096).ok());
  std::deque<std::pair<uint32_t, uint8_t>> model;
  std::mt19937 random(3);
  for (int step = 0; step < 50'000; ++step) {
    if (random() % 2 == 0) {
      const uint32_t length = random() % 700;
      const uint8_t fill = static_cast<uint8_t>(random());
      if (Push(ring, length, fill)) model.emplace_back(length, fill);
      continue;
    }
    const ByteRing::Record record = ring.Peek();
    EXPECT_EQ(record.data == nullptr, model.empty());
    if (record.data == nullptr) continue;
    EXPECT_EQ(record.length, model.front().first);
    for (uint32_t i = 0; i < record.length; ++i) EXPECT_EQ(record.data[i], model.front().second);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(record.data) % 8, 0u);
    model.pop_front();
    ring.Skip();
    if (random() % 3 == 0) ring.Pop();
  }
}

TEST(ByteRing, SkippedRecordsOccupyRoomUntilPop) {
  ByteRing ring;
  EXPECT_TRUE(ring.Allocate(4096).ok());
  while (Push(ring, 504, 1)) {
  }
  EXPECT_TRUE(ring.Peek().data != nullptr);
  ring.Skip();
  EXPECT_FALSE(Push(ring, 504, 2));
  ring.Pop();
  EXPECT_TRUE(Push(ring, 504, 2));
}

TEST(ByteRing, ReserveRespectsTheFillLimit) {
  ByteRing ring;
  EXPECT_TRUE(ring.Allocate(4096).ok());
  EXPECT_TRUE(Push(ring, 1000, 1, 1024));
  EXPECT_FALSE(Push(ring, 1000, 1, 1024));
  EXPECT_TRUE(Push(ring, 1000, 1, 4096));
  EXPECT_FALSE(ring.Empty());
}

TEST(ByteRing, TwoThreadsPassAllRecordsInOrder) {
  ByteRing ring;
  EXPECT_TRUE(ring.Allocate(4096).ok());
  constexpr uint32_t kRecords = 20'000;
  std::thread producer([&ring] {
    for (uint32_t i = 0; i < kRecords;) {
      uint8_t* record = ring.Reserve(4 + i % 300);
      if (record == nullptr) {
        std::this_thread::yield();
        continue;
      }
      std::memcpy(record, &i, sizeof(i));
      ring.Commit();
      ++i;
    }
  });
  for (uint32_t expected = 0; expected < kRecords;) {
    const ByteRing::Record record = ring.Peek();
    if (record.data == nullptr) {
      std::this_thread::yield();
      continue;
    }
    uint32_t number;
    std::memcpy(&number, record.data, sizeof(number));
    EXPECT_EQ(number, expected);
    EXPECT_EQ(record.length, 4 + expected % 300);
    ring.Skip();
    ring.Pop();
    ++expected;
  }
  producer.join();
  EXPECT_TRUE(ring.Empty());
}

}  // namespace
}  // namespace turnpike
