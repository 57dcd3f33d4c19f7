// Sends whole frames by AF_PACKET, bypassing the queueing discipline. One socket sends from any
// source address and port.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "frame_set.h"
#include "sender.h"

namespace bench {

// `struct virtio_net_hdr` of linux/virtio_net.h, which is not valid C++.
struct OffloadHead {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t head_bytes;
  uint16_t gso_bytes;
  uint16_t checksum_start;
  uint16_t checksum_offset;
};
static_assert(sizeof(OffloadHead) == 10);

class PacketSender : public Sender {
 public:
  // Exits if the interface cannot be used.
  PacketSender(const FrameSet& frames, const std::string& interface);
  ~PacketSender() override;

  size_t Send(size_t first, size_t count) override;

 private:
  void Describe(size_t frame, size_t position);

  const FrameSet& frames_;
  int fd_;
  std::vector<OffloadHead> heads_;
  mmsghdr messages_[kSendBatchMax]{};
  iovec vectors_[kSendBatchMax][2]{};
};

}  // namespace bench
