#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "reflect.h"

namespace bench {

namespace {

constexpr size_t kDatagramBytes = 2'048;

class PlainReflector : public Reflector {
 public:
  explicit PlainReflector(unsigned batch)
      : data_(batch * kDatagramBytes), vectors_(batch), messages_(batch) {}

  bool Turn(const Way& way) override;

 private:
  std::vector<uint8_t> data_;
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> messages_;
};

bool PlainReflector::Turn(const Way& way) {
  for (size_t i = 0; i < messages_.size(); ++i) {
    vectors_[i] = iovec{&data_[i * kDatagramBytes], kDatagramBytes};
    messages_[i] = mmsghdr{};
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  const unsigned batch = static_cast<unsigned>(messages_.size());
  const int count = recvmmsg(way.fd, messages_.data(), batch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return false;
  sockaddr_in destination = way.destination;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    vectors_[i].iov_len = messages_[i].msg_len;
    messages_[i].msg_hdr.msg_name = &destination;
    messages_[i].msg_hdr.msg_namelen = sizeof(destination);
  }
  SendAll(way.fd, messages_.data(), static_cast<unsigned>(count));
  return true;
}

}  // namespace

void SendAll(int fd, mmsghdr* messages, unsigned count) {
  for (unsigned next = 0; next < count;) {
    const int sent = sendmmsg(fd, &messages[next], count - next, MSG_DONTWAIT);
    if (sent > 0) {
      next += static_cast<unsigned>(sent);
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      return;
    } else if (errno != EINTR) {
      ++next;  // The error is the first message's alone.
    }
  }
}

std::unique_ptr<Reflector> MakePlainReflector(unsigned batch) {
  return std::make_unique<PlainReflector>(batch);
}

}  // namespace bench
