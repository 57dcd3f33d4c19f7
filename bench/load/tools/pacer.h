// Sends at a rate that does not depend on what becomes of the packets (an open loop).
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

// What is sent.
class Source {
 public:
  virtual ~Source() = default;

  // Payloads in one frame; the same for all.
  virtual uint64_t payloads_per_frame() const = 0;

  // Sends the next `count` frames. Returns how many the kernel took; the others are lost.
  virtual size_t SendNext(size_t count) = 0;
};

struct PaceOptions {
  // Payloads a second; 0 is as fast as possible.
  double payloads_per_second = 0;
  double seconds = 1;
  // Stop after this many payloads; 0 has no such bound.
  uint64_t payloads_max = 0;
  // Frames in one system call.
  size_t chunk = 16;
  // Whether another generator has this CPU too: waits then give way to it.
  bool shares_cpu = false;
};

struct PaceReport {
  // Payloads in frames that the kernel took, and in frames that it did not.
  uint64_t sent = 0;
  uint64_t refused = 0;
  // Chunks, and those that left more than 100 us after they were due.
  uint64_t chunks = 0;
  uint64_t late_chunks = 0;
  uint64_t latest_ns = 0;
  // Payloads never sent because the generator was too far behind.
  uint64_t skipped = 0;
  uint64_t elapsed_ns = 0;
  // Time in which nothing was due: without any, the generator is what was measured.
  uint64_t idle_ns = 0;
};

// Runs until the time or the payloads are up, or `stop` turns true.
PaceReport Pace(Source& source, const PaceOptions& options, const volatile bool& stop);

}  // namespace bench
