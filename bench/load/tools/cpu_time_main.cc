// Prints the CPU time (user and system, in ns) of processes or kernel threads. Not read from /proc,
// which counts in ticks of 10 ms and whose schedstat is not updated while a thread runs. Arguments:
// process ids.
#include <time.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  uint64_t total_ns = 0;
  for (int i = 1; i < argc; ++i) {
    clockid_t clock;
    timespec time;
    if (clock_getcpuclockid(std::atoi(argv[i]), &clock) != 0 || clock_gettime(clock, &time) != 0) {
      std::fprintf(stderr, "no process %s\n", argv[i]);
      return 1;
    }
    total_ns +=
        static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  }
  std::printf("%" PRIu64 "\n", total_ns);
  return 0;
}
