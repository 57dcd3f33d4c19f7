// Sends prebuilt frames in turn and stamps each right before it is sent.
#pragma once

#include "clock.h"
#include "frame_set.h"
#include "pacer.h"
#include "sender.h"

namespace bench {

class FrameSource : public Source {
 public:
  FrameSource(FrameSet& frames, Sender& sender) : frames_(frames), sender_(sender) {}

  uint64_t payloads_per_frame() const override { return frames_.payloads_per_frame(); }

  size_t SendNext(size_t count) override {
    const uint64_t wall_ns = WallNs();
    for (size_t i = 0; i < count; ++i) frames_.Stamp((next_ + i) % frames_.size(), wall_ns);
    const size_t taken = sender_.Send(next_, count);
    next_ = (next_ + count) % frames_.size();
    return taken;
  }

 private:
  FrameSet& frames_;
  Sender& sender_;
  size_t next_ = 0;
};

}  // namespace bench
