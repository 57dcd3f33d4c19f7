// Time and CPU placement.
#pragma once

#include <cstdint>

namespace bench {

// CLOCK_REALTIME in nanoseconds: what SO_TIMESTAMPNS stamps arrivals with, so that stamps of the
// generator and of the far kernel can be compared.
uint64_t WallNs();

// CLOCK_MONOTONIC in nanoseconds.
uint64_t MonotonicNs();

// User and system time of this process so far, in nanoseconds.
uint64_t ProcessCpuNs();

// Binds the calling thread to one CPU; a negative number leaves it where it is. Ends the program
// when there is no such CPU.
void PinToCpu(int cpu);

}  // namespace bench
