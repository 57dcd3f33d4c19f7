// Decides when a worker should wait a little before it looks at its sockets again. Under load each
// look then finds more: receive calls, bundles and segment runs grow, and each packet costs less.
// An idle worker never waits: the first packet after a silence is read at once.
#pragma once

#include <cstdint>
#include <utility>

namespace turnpike {

class ReceiveCoalescer {
 public:
  // `limit_ns` is the longest pause; 0 means never.
  explicit ReceiveCoalescer(uint64_t limit_ns) : limit_ns_(limit_ns) {}

  // A turn has read `messages` and left the sockets empty.
  void Count(uint32_t messages, uint64_t now_ns) {
    // After a pause that brought next to nothing the load is gone.
    const bool gone = std::exchange(paused_, false) && messages < kMessagesPerPauseMin;
    if (gone) {
      loaded_ = false;
      window_start_ns_ = now_ns;
      window_messages_ = 0;
      return;
    }
    window_messages_ += messages;
    const uint64_t elapsed_ns = now_ns - window_start_ns_;
    if (elapsed_ns < kWindowPauses * limit_ns_) return;
    loaded_ = window_messages_ * limit_ns_ >= kMessagesPerPause * elapsed_ns;
    window_start_ns_ = now_ns;
    window_messages_ = 0;
  }

  // How long to wait where the sockets are empty; 0: until one has something.
  uint64_t TakePause() {
    // Not counted since: the last pause brought nothing.
    if (std::exchange(paused_, false)) {
      loaded_ = false;
      window_messages_ = 0;
    }
    if (!loaded_ || limit_ns_ == 0) return 0;
    paused_ = true;
    return limit_ns_;
  }

  uint64_t limit_ns() const { return limit_ns_; }

 private:
  // The rate is measured over this many pauses' length.
  static constexpr uint64_t kWindowPauses = 8;
  // Messages that a pause must bring by the measured rate; fewer are not worth a sleep.
  static constexpr uint64_t kMessagesPerPause = 4;
  static constexpr uint32_t kMessagesPerPauseMin = 2;

  const uint64_t limit_ns_;
  uint64_t window_start_ns_ = 0;
  uint64_t window_messages_ = 0;
  bool loaded_ = false;
  bool paused_ = false;
};

}  // namespace turnpike
