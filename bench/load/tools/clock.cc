#include "clock.h"

#include <sched.h>
#include <time.h>

#include "arguments.h"

namespace bench {

namespace {
uint64_t Read(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}
}  // namespace

uint64_t WallNs() { return Read(CLOCK_REALTIME); }

uint64_t MonotonicNs() { return Read(CLOCK_MONOTONIC); }

uint64_t ProcessCpuNs() { return Read(CLOCK_PROCESS_CPUTIME_ID); }

void PinToCpu(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) {
    FailSystem("cannot run on CPU " + std::to_string(cpu));
  }
}

}  // namespace bench
