#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "arguments.h"
#include "reflect.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace bench {

namespace {

constexpr size_t kSuperFrameBytes = 65'536;

struct Control {
  alignas(cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

// The size of a super-frame's datagrams; 0 for a single one.
uint16_t SegmentBytes(msghdr& header) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_UDP || part->cmsg_type != UDP_GRO) continue;
    int bytes;
    std::memcpy(&bytes, CMSG_DATA(part), sizeof(bytes));
    return static_cast<uint16_t>(bytes);
  }
  return 0;
}

void AskSegmentation(msghdr& header, uint16_t segment_bytes) {
  header.msg_controllen = CMSG_SPACE(sizeof(segment_bytes));
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_UDP;
  part->cmsg_type = UDP_SEGMENT;
  part->cmsg_len = CMSG_LEN(sizeof(segment_bytes));
  std::memcpy(CMSG_DATA(part), &segment_bytes, sizeof(segment_bytes));
}

}  // namespace

void ReflectOffload(const ReflectOptions& options, const volatile bool& stop) {
  const int on = 1;
  if (setsockopt(options.fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) != 0) FailSystem("UDP_GRO");
  std::vector<uint8_t> data(options.batch * kSuperFrameBytes);
  std::vector<iovec> vectors(options.batch);
  std::vector<mmsghdr> messages(options.batch);
  std::vector<Control> controls(options.batch);
  sockaddr_in destination = options.destination;
  while (!stop) {
    for (unsigned i = 0; i < options.batch; ++i) {
      vectors[i] = iovec{&data[i * kSuperFrameBytes], kSuperFrameBytes};
      messages[i] = mmsghdr{};
      msghdr& header = messages[i].msg_hdr;
      header.msg_iov = &vectors[i];
      header.msg_iovlen = 1;
      header.msg_control = controls[i].bytes;
      header.msg_controllen = sizeof(controls[i].bytes);
    }
    const int count = recvmmsg(options.fd, messages.data(), options.batch, MSG_DONTWAIT, nullptr);
    if (count <= 0) {
      pollfd socket{options.fd, POLLIN, 0};
      poll(&socket, 1, -1);
      continue;
    }
    for (int i = 0; i < count; ++i) {
      msghdr& header = messages[i].msg_hdr;
      const uint16_t segment_bytes = SegmentBytes(header);
      vectors[i].iov_len = messages[i].msg_len;
      header.msg_name = &destination;
      header.msg_namelen = sizeof(destination);
      header.msg_controllen = 0;
      if (segment_bytes > 0 && segment_bytes < messages[i].msg_len) {
        AskSegmentation(header, segment_bytes);
      } else {
        header.msg_control = nullptr;
      }
    }
    SendAll(options.fd, messages.data(), static_cast<unsigned>(count));
  }
}

}  // namespace bench
