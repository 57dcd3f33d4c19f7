#include "socket_sender.h"

#include <netinet/udp.h>
#include <unistd.h>

#include <cerrno>

#include "arguments.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace bench {

namespace {

constexpr int kSendBufferBytes = 4 << 20;

int OpenSocket(const FrameOptions& options, uint32_t flow, uint32_t segment_bytes) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) FailSystem("cannot open a socket");
  const sockaddr_in source = SourceOf(options, flow);
  const sockaddr_in destination = DestinationOf(options, flow);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof(kSendBufferBytes));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) {
    FailSystem("cannot bind a source port");
  }
  if (connect(fd, reinterpret_cast<const sockaddr*>(&destination), sizeof(destination)) != 0) {
    FailSystem("cannot connect a socket");
  }
  const int segment = static_cast<int>(segment_bytes);
  if (options.segments > 1 &&
      setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0) {
    FailSystem("UDP_SEGMENT");
  }
  return fd;
}

}  // namespace

SocketSender::SocketSender(const FrameSet& frames) : frames_(frames) {
  const FrameOptions& options = frames.options();
  const uint32_t sources = options.content == Content::kTrunk ? 1 : options.flows;
  for (uint32_t i = 0; i < sources; ++i) {
    fds_.push_back(OpenSocket(options, i, frames[0].segment_bytes));
  }
}

SocketSender::~SocketSender() {
  for (const int fd : fds_) close(fd);
}

size_t SocketSender::SendRun(size_t first, size_t count) {
  mmsghdr messages[kSendBatchMax]{};
  iovec vectors[kSendBatchMax];
  for (size_t i = 0; i < count; ++i) {
    const Frame& frame = frames_[(first + i) % frames_.size()];
    vectors[i] = iovec{frame.bytes + kFrameHeadBytes, frame.payload_bytes};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int fd = fds_[frames_[first % frames_.size()].flow % fds_.size()];
  size_t taken = 0;
  for (size_t next = 0; next < count;) {
    const int sent = sendmmsg(fd, &messages[next], static_cast<unsigned>(count - next), 0);
    if (sent > 0) {
      taken += static_cast<size_t>(sent);
      next += static_cast<size_t>(sent);
    } else if (errno == ENOBUFS || errno == EAGAIN || errno == ECONNREFUSED) {
      ++next;
    } else if (errno != EINTR) {
      FailSystem("cannot send a datagram");
    }
  }
  return taken;
}

size_t SocketSender::Send(size_t first, size_t count) {
  size_t taken = 0;
  for (size_t done = 0; done < count;) {
    const size_t start = first + done;
    size_t run = 1;
    const auto fd_of = [&](size_t index) {
      return frames_[index % frames_.size()].flow % fds_.size();
    };
    while (done + run < count && fd_of(start + run) == fd_of(start)) ++run;
    taken += SendRun(start, run);
    done += run;
  }
  return taken;
}

}  // namespace bench
