#include "table/bandwidth_buckets.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/interface.h"

namespace turnpike {
namespace {

constexpr uint64_t kStartNs = 1'000 * kNsPerSecond;
constexpr uint32_t kBucket = 1;

struct Scene {
  explicit Scene(uint32_t buckets = 4) {
    if (!buckets_of_users.Allocate(buckets).ok()) std::abort();
  }
  // Takes datagrams of `bytes` until one is refused. Returns the bytes that passed.
  uint64_t Drain(uint32_t bytes, uint64_t now_ns, uint32_t bucket = kBucket) {
    uint64_t passed = 0;
    while (buckets_of_users.Take(bucket, bytes, now_ns)) passed += bytes;
    return passed;
  }

  BandwidthBuckets buckets_of_users;
};

TEST(BandwidthBuckets, WithoutARateEverythingPasses) {
  Scene scene;
  for (const uint32_t bucket : {0u, kBucket}) {
    for (int i = 0; i < 1'000; ++i) {
      ASSERT_TRUE(scene.buckets_of_users.Take(bucket, kDatagramBytesMax, kStartNs));
    }
  }
  scene.buckets_of_users.SetRate(2, 1);
  EXPECT_TRUE(scene.buckets_of_users.Take(0, kDatagramBytesMax, kStartNs));
  EXPECT_TRUE(scene.buckets_of_users.Take(kBucket, kDatagramBytesMax, kStartNs));
}

TEST(BandwidthBuckets, ABucketHoldsASecondOfItsRate) {
  Scene scene;
  scene.buckets_of_users.SetRate(kBucket, 1'000'000);
  EXPECT_EQ(scene.Drain(1'000, kStartNs), 1'000'000u);
  EXPECT_EQ(scene.Drain(1'000, kStartNs), 0u);
  // A tenth of a second later it has gained a tenth.
  EXPECT_EQ(scene.Drain(1'000, kStartNs + kNsPerSecond / 10), 100'000u);
  // It gains no more than it holds.
  EXPECT_EQ(scene.Drain(1'000, kStartNs + 100 * kNsPerSecond), 1'000'000u);
}

TEST(BandwidthBuckets, TheLongestDatagramPassesAtAnyRate) {
  for (const uint64_t rate : {uint64_t{1}, uint64_t{100}, uint64_t{65'535}}) {
    Scene scene;
    scene.buckets_of_users.SetRate(kBucket, rate);
    EXPECT_TRUE(scene.buckets_of_users.Take(kBucket, kDatagramBytesMax, kStartNs)) << rate;
    EXPECT_FALSE(scene.buckets_of_users.Take(kBucket, kDatagramBytesMax, kStartNs)) << rate;
    const uint64_t later_ns = kStartNs + kBurstBytesMin * kNsPerSecond / rate;
    EXPECT_TRUE(scene.buckets_of_users.Take(kBucket, kDatagramBytesMax, later_ns)) << rate;
  }
}

TEST(BandwidthBuckets, OverALongTimeNoMoreThanTheRatePasses) {
  for (const uint64_t rate : {uint64_t{7'777}, uint64_t{1'000'003}, uint64_t{100'000'000'000}}) {
    Scene scene;
    scene.buckets_of_users.SetRate(kBucket, rate);
    const uint64_t size = std::max(rate, kBurstBytesMin);
    uint64_t passed = 0;
    uint64_t now_ns = kStartNs;
    // Ten seconds in uneven steps, with datagrams of uneven lengths.
    for (uint32_t i = 0; now_ns < kStartNs + 10 * kNsPerSecond; ++i) {
      const uint32_t bytes = 100 + i * 37 % 1'400;
      if (scene.buckets_of_users.Take(kBucket, bytes, now_ns)) passed += bytes;
      now_ns += 50'000 + i * 7'919 % 100'000;
    }
    EXPECT_LE(passed, size + 10 * rate);
    if (rate == 7'777) EXPECT_GE(passed, 9 * rate);
  }
}

TEST(BandwidthBuckets, UsersDoNotShare) {
  Scene scene;
  scene.buckets_of_users.SetRate(1, 1'000'000);
  scene.buckets_of_users.SetRate(2, 100'000);
  EXPECT_EQ(scene.Drain(1'000, kStartNs, 1), 1'000'000u);
  EXPECT_EQ(scene.Drain(1'000, kStartNs, 2), 100'000u);
}

TEST(BandwidthBuckets, AnotherRateFillsTheBucketAndCountsAtOnce) {
  Scene scene;
  scene.buckets_of_users.SetRate(kBucket, 1'000'000);
  scene.Drain(1'000, kStartNs);
  scene.buckets_of_users.SetRate(kBucket, 2'000'000);
  EXPECT_EQ(scene.Drain(1'000, kStartNs), 2'000'000u);
  scene.buckets_of_users.SetRate(kBucket, 2'000'000);
  EXPECT_EQ(scene.Drain(1'000, kStartNs), 0u) << "the same rate changes nothing";
  EXPECT_EQ(scene.Drain(1'000, kStartNs + kNsPerSecond / 2), 1'000'000u);
  scene.buckets_of_users.SetRate(kBucket, 0);
  EXPECT_TRUE(scene.buckets_of_users.Take(kBucket, 1'000, kStartNs + kNsPerSecond / 2));
  scene.buckets_of_users.SetRate(kBucket, 1'000'000);
  EXPECT_EQ(scene.Drain(1'000, kStartNs + kNsPerSecond / 2), 1'000'000u) << "for another user";
}

TEST(BandwidthBuckets, WhatWasTakenAtALowRateHoldsNoHigherOneUp) {
  Scene scene;
  scene.buckets_of_users.SetRate(kBucket, 1'000);
  EXPECT_EQ(scene.Drain(1'000, kStartNs), 65'000u);
  scene.buckets_of_users.SetRate(kBucket, 1'000'000);
  EXPECT_EQ(scene.Drain(1'000, kStartNs), 1'000'000u);
}

TEST(BandwidthBuckets, KnowsItsNumbers) {
  Scene scene(4);
  EXPECT_TRUE(scene.buckets_of_users.Has(0));
  EXPECT_TRUE(scene.buckets_of_users.Has(4));
  EXPECT_FALSE(scene.buckets_of_users.Has(5));
}

TEST(BandwidthBuckets, WorkersShareABucketWhileItsRateChanges) {
  Scene scene;
  constexpr uint64_t kRate = 1'000'000;
  constexpr uint32_t kTakers = 4;
  constexpr uint32_t kSteps = 20'000;
  constexpr uint64_t kStepNs = 100'000;
  scene.buckets_of_users.SetRate(kBucket, kRate);
  std::atomic<uint64_t> passed{0};
  std::vector<std::thread> takers;
  for (uint32_t i = 0; i < kTakers; ++i) {
    takers.emplace_back([&] {
      uint64_t own = 0;
      for (uint32_t step = 0; step < kSteps; ++step) {
        if (scene.buckets_of_users.Take(kBucket, 1'000, kStartNs + step * kStepNs)) own += 1'000;
      }
      passed += own;
    });
  }
  // The same rate again, and those of other buckets.
  for (uint32_t i = 0; i < 1'000; ++i) {
    scene.buckets_of_users.SetRate(kBucket, kRate);
    scene.buckets_of_users.SetRate(2, i % 2);
  }
  for (std::thread& taker : takers) taker.join();
  // Two seconds, and what the bucket holds at the start.
  const uint64_t seconds = kSteps * kStepNs / kNsPerSecond;
  EXPECT_LE(passed.load(), kRate + seconds * kRate);
  EXPECT_GE(passed.load(), kRate);
}

}  // namespace
}  // namespace turnpike
