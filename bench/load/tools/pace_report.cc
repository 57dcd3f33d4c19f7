#include "pace_report.h"

#include <cstdio>

#include "clock.h"

namespace bench {

void Print(const PaceReport& report) {
  std::printf(
      "{\"sent\":%llu,\"refused\":%llu,\"skipped\":%llu,\"chunks\":%llu,\"lateChunks\":%llu,"
      "\"latestNs\":%llu,\"elapsedNs\":%llu,\"idleNs\":%llu,\"cpuNs\":%llu}\n",
      static_cast<unsigned long long>(report.sent), static_cast<unsigned long long>(report.refused),
      static_cast<unsigned long long>(report.skipped),
      static_cast<unsigned long long>(report.chunks),
      static_cast<unsigned long long>(report.late_chunks),
      static_cast<unsigned long long>(report.latest_ns),
      static_cast<unsigned long long>(report.elapsed_ns),
      static_cast<unsigned long long>(report.idle_ns),
      static_cast<unsigned long long>(ProcessCpuNs()));
}

}  // namespace bench
