// What a worker says of its endpoints: answers to commands, none of which is ever lost, and events,
// of which some are where nobody takes them. The worker pushes, the controlling thread pops.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/mapped_array.h"
#include "table/interface_structs.h"

namespace turnpike {

class ReportRing {
 public:
  Status Allocate() { return reports_.Allocate(kLength); }

  // Worker. There is room: no more than kEndpointCommandsMax commands wait for their answers.
  void PushAnswer(const EndpointReport& report) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    reports_[head % kLength] = report;
    head_.store(head + 1, std::memory_order_release);
  }
  // Worker. False where so much waits that there must be room for answers alone.
  bool PushEvent(const EndpointReport& report) {
    const uint64_t waiting =
        head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire);
    if (waiting >= kEndpointEventsMax) return false;
    PushAnswer(report);
    return true;
  }

  // Controlling thread.
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
