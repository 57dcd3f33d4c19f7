// Decides when a worker pauses before it reads its sockets again. Under load each read then finds
// more datagrams: receive calls, bundles and segment runs grow, and the cost per packet falls. An
// idle worker does not pause, so the first packet after silence is read at once.
#pragma once

#include <cstdint>
#include <utility>

namespace turnpike {

class ReceiveCoalescer {
 public:
  // `limit_ns` is the maximum pause; 0 disables pauses.
  explicit ReceiveCoalescer(uint64_t limit_ns) : limit_ns_(limit_ns) {}

  // Records that `messages` were read and the sockets are empty.
  void Count(uint32_t messages, uint64_t now_ns) {
    // A pause that brought few messages ends the loaded state.
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

  // Returns the pause in ns while the sockets are empty; 0 means to sleep until a socket is
  // readable.
  uint64_t TakePause() {
    // No count since the last pause: the pause brought nothing.
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
  // The rate is measured over this many pauses.
  static constexpr uint64_t kWindowPauses = 8;
  // Number of messages that a pause must be expected to bring at the measured rate.
  static constexpr uint64_t kMessagesPerPause = 4;
  static constexpr uint32_t kMessagesPerPauseMin = 2;

  const uint64_t limit_ns_;
  uint64_t window_start_ns_ = 0;
  uint64_t window_messages_ = 0;
  bool loaded_ = false;
  bool paused_ = false;
};

}  // namespace turnpike
