#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "reflect.h"

namespace bench {

namespace {
constexpr size_t kDatagramBytes = 2'048;
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

void ReflectPlain(const ReflectOptions& options, const volatile bool& stop) {
  std::vector<uint8_t> data(options.batch * kDatagramBytes);
  std::vector<iovec> vectors(options.batch);
  std::vector<mmsghdr> messages(options.batch);
  sockaddr_in destination = options.destination;
  while (!stop) {
    for (unsigned i = 0; i < options.batch; ++i) {
      vectors[i] = iovec{&data[i * kDatagramBytes], kDatagramBytes};
      messages[i] = mmsghdr{};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = recvmmsg(options.fd, messages.data(), options.batch, MSG_DONTWAIT, nullptr);
    if (count <= 0) {
      pollfd socket{options.fd, POLLIN, 0};
      poll(&socket, 1, -1);
      continue;
    }
    for (int i = 0; i < count; ++i) {
      vectors[i].iov_len = messages[i].msg_len;
      messages[i].msg_hdr.msg_name = &destination;
      messages[i].msg_hdr.msg_namelen = sizeof(destination);
    }
    SendAll(options.fd, messages.data(), static_cast<unsigned>(count));
  }
}

}  // namespace bench
