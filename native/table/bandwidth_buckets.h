// Token buckets that bound the bytes of users. All allocations of a user share one, whichever
// workers forward them, and both directions count. The controlling thread sets rates; every worker,
// and a fast path from those that it shares, takes bytes, without a lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/mapped_array.h"
#include "base/units.h"

namespace turnpike {

// Smallest size of a bucket in bytes: any datagram fits, even at a rate of a few bytes per second.
// A bucket of a higher rate holds what it gains in a second.
inline constexpr uint64_t kBurstBytesMin = 65'536;
// Attempts to take bytes while other workers take from the same bucket; then the datagram is
// dropped.
inline constexpr uint32_t kTakeTriesMax = 64;

// Buckets are numbered from 1; 0 stands for no bucket. Each is the generic cell rate algorithm
// (ITU-T I.371, virtual scheduling) in one number: the time at which everything taken would be
// gained back. 0 is a full bucket.
class BandwidthBuckets {
 public:
  // In a cache line of its own, so that users do not slow each other. A fast path has the same
  // layout (struct tp_bucket). All zero is a bucket without a rate.
  struct alignas(64) Cell {
    std::atomic<uint64_t> due_ns;
    std::atomic<uint64_t> bytes_per_second;
  };
  // The memory of the buckets below `count`.
  struct Shared {
    Cell* cells = nullptr;
    uint32_t count = 0;
  };

  Status Allocate(uint32_t buckets_max) {
    buckets_max_ = buckets_max;
    return cells_.Allocate(size_t{buckets_max} + 1);
  }

  // Uses memory that a fast path takes from too, and that outlives the workers. Call before any
  // bucket gets a rate or a flow.
  void Share(const Shared& shared) { shared_ = shared; }

  // Whether any bucket has a rate.
  bool any_bounded() const { return bounded_.load(std::memory_order_relaxed) > 0; }

  // Whether there is such a bucket, or 0 for none.
  bool Has(uint32_t bucket) const { return bucket <= buckets_max_; }

  // Sets the rate of a bucket, in bytes per second; 0 takes its bound away. Another rate than
  // before fills the bucket: what was taken at a low rate would hold a higher one up for as long as
  // it takes to gain it back at the low one. Controlling thread only.
  void SetRate(uint32_t bucket, uint64_t bytes_per_second) {
    Cell& cell = CellOf(bucket);
    const uint64_t before = cell.bytes_per_second.load(std::memory_order_relaxed);
    const bool was_bounded = before > 0;
    const bool bounded = bytes_per_second > 0;
    cell.bytes_per_second.store(bytes_per_second, std::memory_order_relaxed);
    if (bytes_per_second != before) cell.due_ns.store(0, std::memory_order_relaxed);
    const uint32_t bounded_count = bounded_.load(std::memory_order_relaxed);
    bounded_.store(bounded_count + bounded - was_bounded, std::memory_order_relaxed);
  }

  // Takes bytes at a monotonic time. Returns false, and takes nothing, if the bucket has fewer. Any
  // thread. The cost is rounded up, so that no more than the rate passes.
  bool Take(uint32_t bucket, uint32_t bytes, uint64_t now_ns) {
    if (bucket == 0 || !any_bounded()) return true;
    Cell& cell = CellOf(bucket);
    const uint64_t rate = cell.bytes_per_second.load(std::memory_order_relaxed);
    if (rate == 0) return true;
    const uint64_t cost_ns = NsOf(bytes, rate);
    const uint64_t size_ns = std::max(kNsPerSecond, NsOf(kBurstBytesMin, rate));
    uint64_t due_ns = cell.due_ns.load(std::memory_order_relaxed);
    for (uint32_t tries = 0; tries < kTakeTriesMax; ++tries) {
      const uint64_t next_ns = std::max(due_ns, now_ns) + cost_ns;
      if (next_ns - now_ns > size_ns) return false;
      if (cell.due_ns.compare_exchange_weak(due_ns, next_ns, std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

 private:
  Cell& CellOf(uint32_t bucket) {
    return bucket < shared_.count ? shared_.cells[bucket] : cells_[bucket];
  }

  static uint64_t NsOf(uint64_t bytes, uint64_t bytes_per_second) {
    return (bytes * kNsPerSecond + bytes_per_second - 1) / bytes_per_second;
  }

  MappedArray<Cell> cells_;
  Shared shared_;
  uint32_t buckets_max_ = 0;
  // Number of buckets with a rate: without any, no bucket is looked at.
  std::atomic<uint32_t> bounded_{0};
};

}  // namespace turnpike
