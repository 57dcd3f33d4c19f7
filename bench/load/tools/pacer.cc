#include "pacer.h"

#include <sched.h>
#include <time.h>

#include <algorithm>

#include "clock.h"

namespace bench {

namespace {

constexpr uint64_t kLateNs = 100'000;
// Maximum backlog in ns; what is older is skipped. A burst of late packets is not load at the set
// rate, and more than 256 of them would overflow a veth's ring.
constexpr uint64_t kBehindNsMax = 250'000;
// Shorter waits busy-wait, because a sleep would end too late.
constexpr uint64_t kSleepNsMin = 120'000;
constexpr uint64_t kSpinNs = 60'000;

void WaitUntil(uint64_t due_ns, bool shares_cpu) {
  const uint64_t now = MonotonicNs();
  if (due_ns > now + kSleepNsMin) {
    const uint64_t wake = due_ns - kSpinNs;
    const timespec until{static_cast<time_t>(wake / 1'000'000'000),
                         static_cast<long>(wake % 1'000'000'000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
  while (MonotonicNs() < due_ns) {
    // Two busy-waiting generators on one CPU would preempt each other for milliseconds and then
    // send bursts.
    if (shares_cpu) {
      sched_yield();
    } else {
      __builtin_ia32_pause();
    }
  }
}

}  // namespace

PaceReport Pace(Source& source, const PaceOptions& options, const volatile bool& stop) {
  PaceReport report;
  const uint64_t per_frame = source.payloads_per_frame();
  const bool paced = options.payloads_per_second > 0;
  const double chunk_ns =
      paced ? static_cast<double>(options.chunk * per_frame) * 1e9 / options.payloads_per_second
            : 0;
  const uint64_t start = MonotonicNs();
  const uint64_t end = start + static_cast<uint64_t>(options.seconds * 1e9);
  double due = static_cast<double>(start);
  uint64_t now = start;
  while (!stop && now < end) {
    if (paced) {
      const uint64_t due_ns = static_cast<uint64_t>(due);
      if (now < due_ns) {
        if (due_ns >= end) break;
        WaitUntil(due_ns, options.shares_cpu);
        report.idle_ns += due_ns - now;
        now = MonotonicNs();
      }
      const uint64_t behind = now - std::min(now, due_ns);
      report.latest_ns = std::max(report.latest_ns, behind);
      if (behind > kLateNs) ++report.late_chunks;
      if (behind > kBehindNsMax) {
        report.skipped += static_cast<uint64_t>(static_cast<double>(behind) / chunk_ns) *
                          options.chunk * per_frame;
        due = static_cast<double>(now);
      }
      due += chunk_ns;
    }
    size_t count = options.chunk;
    if (options.payloads_max > 0) {
      const uint64_t done = report.sent + report.refused;
      count = std::min<uint64_t>(count, (options.payloads_max - done + per_frame - 1) / per_frame);
      if (count == 0) break;
    }
    const size_t taken = source.SendNext(count);
    report.sent += taken * per_frame;
    report.refused += (count - taken) * per_frame;
    ++report.chunks;
    now = MonotonicNs();
  }
  report.elapsed_ns = now - start;
  return report;
}

}  // namespace bench
