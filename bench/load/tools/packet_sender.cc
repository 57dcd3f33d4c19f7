#include "packet_sender.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>

#include "arguments.h"

namespace bench {

namespace {

// VIRTIO_NET_HDR_F_NEEDS_CSUM and VIRTIO_NET_HDR_GSO_UDP_L4.
constexpr uint8_t kNeedsChecksum = 1;
constexpr uint8_t kUdpSegments = 5;

constexpr int kSendBufferBytes = 64 << 20;

void SetOption(int fd, int level, int option, int value, const char* name) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) != 0) FailSystem(name);
}

}  // namespace

PacketSender::PacketSender(const FrameSet& frames, const std::string& interface)
    : frames_(frames), fd_(socket(AF_PACKET, SOCK_RAW, 0)), heads_(frames.size()) {
  if (fd_ < 0) FailSystem("cannot open a packet socket");
  SetOption(fd_, SOL_PACKET, PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
  SetOption(fd_, SOL_PACKET, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");
  SetOption(fd_, SOL_SOCKET, SO_SNDBUFFORCE, kSendBufferBytes, "SO_SNDBUFFORCE");
  sockaddr_ll link{};
  link.sll_family = AF_PACKET;
  link.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (link.sll_ifindex == 0) FailSystem("no interface " + interface);
  if (bind(fd_, reinterpret_cast<sockaddr*>(&link), sizeof(link)) != 0) FailSystem("bind");
  for (size_t i = 0; i < frames.size(); ++i) {
    OffloadHead& head = heads_[i];
    if (!frames.options().full_checksum) {
      head.flags = kNeedsChecksum;
      head.checksum_start = kUdpOffset;
      head.checksum_offset = 6;
    }
    if (frames.options().segments > 1) {
      head.gso_type = kUdpSegments;
      head.head_bytes = kFrameHeadBytes;
      head.gso_bytes = static_cast<uint16_t>(frames[i].segment_bytes);
    }
  }
  for (size_t position = 0; position < kSendBatchMax; ++position) {
    messages_[position].msg_hdr.msg_iov = vectors_[position];
    messages_[position].msg_hdr.msg_iovlen = 2;
  }
}

PacketSender::~PacketSender() { close(fd_); }

void PacketSender::Describe(size_t index, size_t position) {
  const Frame& frame = frames_[index];
  vectors_[position][0] = iovec{&heads_[index], sizeof(OffloadHead)};
  vectors_[position][1] = iovec{frame.bytes, kFrameHeadBytes + frame.payload_bytes};
}

size_t PacketSender::Send(size_t first, size_t count) {
  for (size_t i = 0; i < count; ++i) Describe((first + i) % frames_.size(), i);
  size_t taken = 0;
  for (size_t next = 0; next < count;) {
    const int sent = sendmmsg(fd_, &messages_[next], static_cast<unsigned>(count - next), 0);
    if (sent > 0) {
      taken += static_cast<size_t>(sent);
      next += static_cast<size_t>(sent);
    } else if (errno == ENOBUFS || errno == EAGAIN) {
      ++next;  // The device dropped this one.
    } else if (errno != EINTR) {
      FailSystem("cannot send a frame");
    }
  }
  return taken;
}

}  // namespace bench
