#include "histogram.h"

#include <algorithm>
#include <bit>

namespace bench {

size_t Histogram::BucketOf(uint64_t value) {
  if (value < (1u << kSubBits)) return value;
  const int shift = std::bit_width(value) - 1 - kSubBits;
  return (static_cast<size_t>(shift + 1) << kSubBits) + ((value >> shift) - (1u << kSubBits));
}

uint64_t Histogram::TopOf(size_t bucket) {
  const size_t row = bucket >> kSubBits;
  if (row == 0) return bucket;
  const uint64_t in_row = (bucket & ((1u << kSubBits) - 1)) + (1u << kSubBits);
  return ((in_row + 1) << (row - 1)) - 1;
}

void Histogram::Add(uint64_t value_ns) {
  ++buckets_[BucketOf(value_ns)];
  ++count_;
  max_ns_ = std::max(max_ns_, value_ns);
}

uint64_t Histogram::QuantileNs(double fraction) const {
  const double wanted = fraction * static_cast<double>(count_);
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size() && count_ > 0; ++bucket) {
    seen += buckets_[bucket];
    if (static_cast<double>(seen) >= wanted && seen > 0) return std::min(TopOf(bucket), max_ns_);
  }
  return max_ns_;
}

}  // namespace bench
