// Reports of a worker about its endpoints, in a bounded lock-free ring: responses to commands,
// which are never lost, and events, which are dropped when too many wait. The worker pushes, the
// controlling thread pops.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/mapped_array.h"
#include "table/interface_structs.h"

namespace turnpike {

class ReportRing {
 public:
  Status Allocate() { return reports_.Allocate(kLength); }

  // Worker: adds a response. It always fits, because at most kEndpointCommandsMax commands wait for
  // a response.
  void PushAnswer(const EndpointReport& report) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    reports_[head % kLength] = report;
    head_.store(head + 1, std::memory_order_release);
  }
  // Worker: adds an event. Returns false if the remaining room is reserved for responses.
  bool PushEvent(const EndpointReport& report) {
    const uint64_t waiting =
        head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire);
    if (waiting >= kEndpointEventsMax) return false;
    PushAnswer(report);
    return true;
  }

  // Controlling thread: takes the oldest report. Returns false if there is none.
  bool Pop(EndpointReport* report) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    *report = reports_[tail % kLength];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

 private:
  static constexpr uint32_t kLength = kEndpointCommandsMax + kEndpointEventsMax;

  MappedArray<EndpointReport> reports_;
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};

}  // namespace turnpike
