// The interface by which the generator sends frames.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

inline constexpr size_t kSendBatchMax = 64;

class Sender {
 public:
  virtual ~Sender() = default;

  // Sends `count` frames (at most kSendBatchMax) from index `first`, wrapping around at the end of
  // the set. Returns the number that the kernel accepted; the others are lost.
  virtual size_t Send(size_t first, size_t count) = 0;
};

}  // namespace bench
