#include "xdp/host/netlink_dump.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace turnpike {

namespace {

constexpr size_t kAnswerBytes = 64 * 1024;
constexpr size_t kRequestBytes = 256;
// Attempts to read a list that changes meanwhile.
constexpr int kReadings = 5;

int OpenSocket(int protocol, int flags) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, protocol);
  if (fd < 0) return -1;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

NetlinkDump::~NetlinkDump() {
  if (requests_ >= 0) close(requests_);
  if (events_ >= 0) close(events_);
}

void NetlinkDump::Open(int protocol, const std::vector<uint32_t>& groups) {
  requests_ = OpenSocket(protocol, 0);
  events_ = OpenSocket(protocol, SOCK_NONBLOCK);
  for (const uint32_t group : groups) {
    // A failed subscription is tolerated: the periodic read needs no notifications.
    if (events_ >= 0) {
      setsockopt(events_, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
    }
  }
}

void NetlinkDump::FilterLists() {
  const int on = 1;
  if (requests_ >= 0) {
    setsockopt(requests_, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
  }
}

bool NetlinkDump::TakeNews() {
  if (events_ < 0) return false;
  bool news = false;
  alignas(nlmsghdr) uint8_t bytes[8 * 1024];
  while (true) {
    const ssize_t length = recv(events_, bytes, sizeof(bytes), 0);
    if (length < 0 && errno == EINTR) continue;
    // Lost notifications count as a notification.
    if (length > 0 || (length < 0 && errno == ENOBUFS)) {
      news = true;
      continue;
    }
    return news;
  }
}

DumpResult NetlinkDump::List(uint16_t type, const void* body, size_t body_bytes,
                             const std::function<void()>& begin,
                             const std::function<void(const nlmsghdr*)>& visit) {
  if (requests_ < 0) return DumpResult::kAbsent;
  for (int i = 0; i < kReadings; ++i) {
    begin();
    if (!Send(type, NLM_F_REQUEST | NLM_F_DUMP, body, body_bytes)) return DumpResult::kRefused;
    const Reading reading = Read(true, visit);
    if (reading == Reading::kDone) return DumpResult::kOk;
    if (reading == Reading::kAbsent) return DumpResult::kAbsent;
    if (reading == Reading::kRefused) return DumpResult::kRefused;
  }
  return DumpResult::kRefused;
}

DumpResult NetlinkDump::Ask(uint16_t type, const void* body, size_t body_bytes,
                            const std::function<void(const nlmsghdr*)>& visit) {
  if (requests_ < 0) return DumpResult::kAbsent;
  if (!Send(type, NLM_F_REQUEST, body, body_bytes)) return DumpResult::kRefused;
  const Reading reading = Read(false, visit);
  if (reading == Reading::kAbsent) return DumpResult::kAbsent;
  return reading == Reading::kDone ? DumpResult::kOk : DumpResult::kRefused;
}

bool NetlinkDump::Send(uint16_t type, uint16_t flags, const void* body, size_t body_bytes) {
  alignas(nlmsghdr) uint8_t request[kRequestBytes] = {};
  if (NLMSG_SPACE(body_bytes) > sizeof(request)) return false;
  auto* header = reinterpret_cast<nlmsghdr*>(request);
  header->nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(body_bytes));
  header->nlmsg_type = type;
  header->nlmsg_flags = flags;
  header->nlmsg_seq = ++serial_;
  std::memcpy(NLMSG_DATA(header), body, body_bytes);
  return send(requests_, request, header->nlmsg_len, 0) >= 0;
}

NetlinkDump::Reading NetlinkDump::Read(bool list,
                                       const std::function<void(const nlmsghdr*)>& visit) {
  std::vector<uint64_t> answer(kAnswerBytes / sizeof(uint64_t));
  bool interrupted = false;
  while (true) {
    const ssize_t length = recv(requests_, answer.data(), kAnswerBytes, MSG_TRUNC);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0 || length > static_cast<ssize_t>(kAnswerBytes)) return Reading::kRefused;
    uint32_t left = static_cast<uint32_t>(length);
    for (auto* header = reinterpret_cast<const nlmsghdr*>(answer.data()); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_seq != serial_) continue;
      if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (header->nlmsg_type == NLMSG_DONE) {
        return interrupted ? Reading::kInterrupted : Reading::kDone;
      }
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
        const int number = -error->error;
        const bool absent = number == EOPNOTSUPP || number == EINVAL || number == ENOENT ||
                            number == EPROTONOSUPPORT || number == EAFNOSUPPORT;
        return absent ? Reading::kAbsent : Reading::kRefused;
      }
      visit(header);
      if (!list) return Reading::kDone;
    }
  }
}

}  // namespace turnpike
