#include "io/icmp_socket.h"

#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace turnpike {

namespace {

// Room for an error message: RFC 1812 section 4.3.2.3 and RFC 4443 section 2.4 keep them below 576
// and 1,280 bytes.
constexpr size_t kErrorBytesMax = 2'048;

// Lets only errors pass. A filter has a bit for each type that it blocks.
bool PassErrors(int fd, bool ipv6) {
  if (!ipv6) {
    icmp_filter filter{};
    filter.data = ~(1u << kIcmpUnreachable | 1u << kIcmpTimeExceeded | 1u << kIcmpParameterProblem);
    return setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)) == 0;
  }
  icmp6_filter filter;
  std::memset(&filter, 0xff, sizeof(filter));
  for (uint8_t type = kIcmpv6ErrorFirst; type <= kIcmpv6ErrorLast; ++type) {
    filter.data[0] &= ~(1u << type);
  }
  return setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, &filter, sizeof(filter)) == 0;
}

}  // namespace

IcmpSocket::~IcmpSocket() {
  if (fd_ >= 0) close(fd_);
}

IcmpSocket::IcmpSocket(IcmpSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ipv6_(other.ipv6_) {}

Status IcmpSocket::Open(bool ipv6) {
  ipv6_ = ipv6;
  fd_ = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
               ipv6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP));
  if (fd_ < 0) return Status::System("cannot open a raw ICMP socket", errno);
  if (PassErrors(fd_, ipv6)) return {};
  return Status::System("cannot filter ICMP", errno);
}

IcmpSocket::Taken IcmpSocket::Take(IcmpError* error) const {
  alignas(4) uint8_t message[kErrorBytesMax];
  const ssize_t length = recv(fd_, message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
  if (length < 0) return errno == EAGAIN ? Taken::kNone : Taken::kOther;
  if (static_cast<size_t>(length) > sizeof(message)) return Taken::kOther;
  const bool is_error = ipv6_ ? ReadIcmpv6Error(message, static_cast<size_t>(length), error)
                              : ReadIcmpv4Error(message, static_cast<size_t>(length), error);
  return is_error ? Taken::kError : Taken::kOther;
}

}  // namespace turnpike
