// Remote addresses to which segments of some length were refused recently, because the path MTU is
// below the device's. SendBatch sends such datagrams one by one. Kept per address and for a short
// time, so that a peer with a small path MTU, or one that forges ICMP, disables segmentation only
// for its own address.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "base/units.h"
#include "table/five_tuple.h"

namespace turnpike {

class SegmentsOverPathMtu {
 public:
  static constexpr uint64_t kKeptNs = kNsPerSecond;

  bool empty() const { return count_ == 0; }

  // Records that segments longer than `segment_bytes_max` do not fit. If full, drops the oldest
  // record.
  void Note(const IpAddress& ip, uint32_t segment_bytes_max, uint64_t now_ns) {
    if (!paths_) paths_ = std::make_unique<Paths>();
    std::rotate(paths_->begin(), paths_->end() - 1, paths_->end());
    (*paths_)[0] = Path{ip, segment_bytes_max, now_ns + kKeptNs};
    count_ = std::min(count_ + 1, paths_->size());
  }

  void Forget(uint64_t now_ns) {
    // The last record is the oldest.
    while (count_ > 0 && (*paths_)[count_ - 1].until_ns <= now_ns) --count_;
  }

  // Returns the maximum segment size for an address, at most `otherwise`.
  uint32_t LimitFor(const IpAddress& ip, uint32_t otherwise) const {
    for (size_t i = 0; i < count_; ++i) {
      const Path& path = (*paths_)[i];
      if (path.ip == ip) otherwise = std::min(otherwise, path.segment_bytes_max);
    }
    return otherwise;
  }

 private:
  struct Path {
    IpAddress ip;
    uint32_t segment_bytes_max;
    uint64_t until_ns;
  };

  using Paths = std::array<Path, 16>;

  // Allocated when the first address is recorded; most sockets never need it.
  std::unique_ptr<Paths> paths_;
  size_t count_ = 0;
};

}  // namespace turnpike
