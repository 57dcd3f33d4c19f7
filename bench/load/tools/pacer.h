// Sends at a fixed rate, independent of what happens to the packets (open loop).
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

// A source of frames.
class Source {
 public:
  virtual ~Source() = default;

  // Payloads in one frame; the same for all frames.
  virtual uint64_t payloads_per_frame() const = 0;

  // Sends the next `count` frames. Returns the number that the kernel accepted; the others are
  // lost.
  virtual size_t SendNext(size_t count) = 0;
};

struct PaceOptions {
  // Payloads per second; 0 sends as fast as possible.
  double payloads_per_second = 0;
  double seconds = 1;
  // Stops after this many payloads; 0 means no limit.
  uint64_t payloads_max = 0;
  // Frames per system call.
  size_t chunk = 16;
  // Whether another generator runs on the same CPU. Waits then yield the CPU.
  bool shares_cpu = false;
};

struct PaceReport {
  // Payloads in frames that the kernel accepted, and in frames that it refused.
  uint64_t sent = 0;
  uint64_t refused = 0;
  // Number of chunks, and of those that were sent more than 100 µs late.
  uint64_t chunks = 0;
  uint64_t late_chunks = 0;
  uint64_t latest_ns = 0;
  // Payloads not sent because the generator was too far behind.
  uint64_t skipped = 0;
  uint64_t elapsed_ns = 0;
  // Time in ns in which nothing was due. If it is 0, the generator is the bottleneck.
  uint64_t idle_ns = 0;
};

// Runs until the time or number of payloads is reached, or until `stop` is true.
PaceReport Pace(Source& source, const PaceOptions& options, const volatile bool& stop);

}  // namespace bench
