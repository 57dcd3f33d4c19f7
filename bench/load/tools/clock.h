// Time and CPU placement.
#pragma once

#include <cstdint>

namespace bench {

// Returns CLOCK_REALTIME in ns. SO_TIMESTAMPNS uses the same clock, so timestamps of the generator
// and of the receiving kernel can be compared.
uint64_t WallNs();

// Returns CLOCK_MONOTONIC in ns.
uint64_t MonotonicNs();

// Returns the user and system time of this process so far, in ns.
uint64_t ProcessCpuNs();

// Pins the calling thread to a CPU; does nothing for a negative number. Exits if the CPU does not
// exist.
void PinToCpu(int cpu);

}  // namespace bench
