// A histogram of latencies. A bucket's width is 1/32 of its value, so a quantile is off by at most
// 3 %.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bench {

class Histogram {
 public:
  void Add(uint64_t value_ns);

  uint64_t count() const { return count_; }
  uint64_t max_ns() const { return max_ns_; }

  // Returns the latency in ns at a quantile (0 to 1); 0 if there are no samples.
  uint64_t QuantileNs(double fraction) const;

 private:
  static constexpr int kSubBits = 5;
  static constexpr size_t kBuckets = (64 - kSubBits) << kSubBits;

  static size_t BucketOf(uint64_t value);
  static uint64_t TopOf(size_t bucket);

  std::array<uint64_t, kBuckets + (1 << kSubBits)> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ns_ = 0;
};

}  // namespace bench
