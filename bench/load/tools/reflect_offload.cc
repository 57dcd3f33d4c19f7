#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

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

// Returns the segment size of a received super-frame, or 0 for a single datagram.
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

class OffloadReflector : public Reflector {
 public:
  explicit OffloadReflector(unsigned batch)
      : data_(batch * kSuperFrameBytes), vectors_(batch), messages_(batch), controls_(batch) {}

  bool Turn(const Way& way) override;

 private:
  std::vector<uint8_t> data_;
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> messages_;
  std::vector<Control> controls_;
};

bool OffloadReflector::Turn(const Way& way) {
  for (size_t i = 0; i < messages_.size(); ++i) {
    vectors_[i] = iovec{&data_[i * kSuperFrameBytes], kSuperFrameBytes};
    messages_[i] = mmsghdr{};
    msghdr& header = messages_[i].msg_hdr;
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_control = controls_[i].bytes;
    header.msg_controllen = sizeof(controls_[i].bytes);
  }
  const unsigned batch = static_cast<unsigned>(messages_.size());
  const int count = recvmmsg(way.fd, messages_.data(), batch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return false;
  sockaddr_in destination = way.destination;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    msghdr& header = messages_[i].msg_hdr;
    const uint16_t segment_bytes = SegmentBytes(header);
    vectors_[i].iov_len = messages_[i].msg_len;
    header.msg_name = &destination;
    header.msg_namelen = sizeof(destination);
    header.msg_controllen = 0;
    if (segment_bytes > 0 && segment_bytes < messages_[i].msg_len) {
      AskSegmentation(header, segment_bytes);
    } else {
      header.msg_control = nullptr;
    }
  }
  SendAll(way.fd, messages_.data(), static_cast<unsigned>(count));
  return true;
}

}  // namespace

std::unique_ptr<Reflector> MakeOffloadReflector(unsigned batch) {
  return std::make_unique<OffloadReflector>(batch);
}

}  // namespace bench
