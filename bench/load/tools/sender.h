// How frames leave the generator.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

inline constexpr size_t kSendBatchMax = 64;

class Sender {
 public:
  virtual ~Sender() = default;

  // Sends `count` frames (at most kSendBatchMax) from `first` on, starting over at the end of the
  // set. Returns how many the kernel took; the others are lost, as this is an open loop.
  virtual size_t Send(size_t first, size_t count) = 0;
};

}  // namespace bench
