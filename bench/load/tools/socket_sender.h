// Sends the frames' payloads by ordinary UDP sockets, one per flow. Needs no privileges.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "frame_set.h"
#include "sender.h"

namespace bench {

class SocketSender : public Sender {
 public:
  // Binds a socket to each flow's source. Exits if a bind fails.
  explicit SocketSender(const FrameSet& frames);
  ~SocketSender() override;

  size_t Send(size_t first, size_t count) override;

 private:
  size_t SendRun(size_t first, size_t count);

  const FrameSet& frames_;
  std::vector<int> fds_;
};

}  // namespace bench
