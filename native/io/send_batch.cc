#include "io/send_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "io/clock.h"

namespace turnpike {

namespace {

// Hashes a destination. The hash is not keyed: collisions only slow down one flush.
uint32_t HashOf(uint16_t socket_index, const FiveTuple& path) {
  uint64_t high;
  uint64_t low;
  std::memcpy(&high, &path.remote.ip.bytes[0], 8);
  std::memcpy(&low, &path.remote.ip.bytes[8], 8);
  const uint64_t rest = uint64_t{path.remote.port} << 16 | uint64_t{socket_index} << 32;
  const uint64_t mixed = (high ^ low ^ rest) * 0x9e3779b97f4a7c15;
  return static_cast<uint32_t>(mixed >> 40);
}

// Appends a control message; msg_control must have room for it.
template <typename Value>
void AppendControl(msghdr* header, int level, int type, const Value& value) {
  uint8_t* start = static_cast<uint8_t*>(header->msg_control) + header->msg_controllen;
  std::memset(start, 0, CMSG_SPACE(sizeof(value)));
  auto* part = reinterpret_cast<cmsghdr*>(start);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof(value));
  std::memcpy(CMSG_DATA(part), &value, sizeof(value));
  header->msg_controllen += CMSG_SPACE(sizeof(value));
}

// Decides whether a refused message is sent again. On a socket that reports ICMP errors
// (IP_RECVERR), such an error makes the next call fail, whatever that sends, and is cleared by it.
// Another error may have arrived meanwhile.
class Retries {
 public:
  explicit Retries(const UdpSocket& socket)
      : left_(socket.reports_errors() ? kRetriesAfterErrors : 0) {}

  // Returns whether the message may pass now; call after each refusal of it.
  bool May(int error_number) {
    if (left_ == 0) return false;
    --left_;
    switch (error_number) {
      // Only ICMP errors have these numbers (icmp_err_convert and icmpv6_err_convert of Linux).
      case ECONNREFUSED:
      case ENOPROTOOPT:
      case EPROTO:
      case EHOSTDOWN:
      case ENONET:
      case EOPNOTSUPP:
        doubtful_ = 0;
        return true;
      // An ICMP error, or a refusal of this message: no route, or too long. The second time in a
      // row it is the message's.
      case ENETUNREACH:
      case EHOSTUNREACH:
      case EACCES:
      case EMSGSIZE:
        return std::exchange(doubtful_, error_number) != error_number;
      // A refusal of this message, such as EPERM of a packet filter.
      default:
        return false;
    }
  }

 private:
  static constexpr uint32_t kRetriesAfterErrors = 3;

  uint32_t left_;
  int doubtful_ = 0;
};

bool IsBlocked(int error_number) { return error_number == EAGAIN || error_number == ENOBUFS; }

// The kernel only reads the buffer, but iovec is not const.
iovec VectorOf(const Outgoing& outgoing) {
  return iovec{const_cast<uint8_t*>(outgoing.data), outgoing.length};
}

// sendto without the C library's handling of cancellation, which threads pay for at each call.
// Nothing cancels a worker.
ssize_t SendTo(int fd, const iovec& data, const msghdr& header) {
  return syscall(SYS_sendto, fd, data.iov_base, data.iov_len, MSG_DONTWAIT, header.msg_name,
                 header.msg_namelen);
}

// Sends messages as sendmmsg does. One alone, as nearly all are through the sockets of allocations,
// is sent by a call that copies less into the kernel.
int SendMessages(int fd, mmsghdr* headers, uint32_t count) {
  if (count > 1) return sendmmsg(fd, headers, count, MSG_DONTWAIT);
  const msghdr& only = headers->msg_hdr;
  const bool is_plain = only.msg_controllen == 0 && only.msg_iovlen == 1;
  const ssize_t sent =
      is_plain ? SendTo(fd, *only.msg_iov, only) : sendmsg(fd, &only, MSG_DONTWAIT);
  return sent < 0 ? -1 : 1;
}

}  // namespace

SendBatch::SendBatch() : messages_(std::make_unique<Messages>()) {}

uint8_t* SendBatch::TakeRoom(uint32_t bytes) {
  if (!room_) room_ = std::make_unique_for_overwrite<uint8_t[]>(kSendRoomBytes);
  if (bytes > kSendRoomBytes - room_taken_) return nullptr;
  uint8_t* const start = &room_[room_taken_];
  room_taken_ += bytes;
  return start;
}

void SendBatch::Add(SendSocket& through, const Outgoing& outgoing) {
  const uint16_t index = static_cast<uint16_t>(count_++);
  entries_[index].outgoing = outgoing;
  entries_[index].next = kNone;
  const uint16_t socket_index = SocketIndexOf(through);
  Bucket& bucket = BucketOf(socket_index, *outgoing.path);
  if (bucket.round == round_) {
    Group& group = groups_[bucket.group];
    entries_[group.last].next = index;
    group.last = index;
    return;
  }
  const uint16_t number = static_cast<uint16_t>(group_count_++);
  bucket = Bucket{round_, number};
  groups_[number] = Group{index, index, socket_index, kNone};
  Socket& socket = sockets_[socket_index];
  if (socket.first_group == kNone) {
    socket.first_group = number;
  } else {
    groups_[socket.last_group].next = number;
  }
  socket.last_group = number;
}

uint16_t SendBatch::SocketIndexOf(SendSocket& socket) {
  if (socket.socket_index_ < socket_count_ && sockets_[socket.socket_index_].socket == &socket) {
    return socket.socket_index_;
  }
  socket.socket_index_ = static_cast<uint16_t>(socket_count_++);
  sockets_[socket.socket_index_] = Socket{&socket, kNone, kNone};
  return socket.socket_index_;
}

SendBatch::Bucket& SendBatch::BucketOf(uint16_t socket_index, const FiveTuple& path) {
  // Terminates because at most half of the buckets are used in one round.
  for (uint32_t position = HashOf(socket_index, path);; ++position) {
    Bucket& bucket = buckets_[position % buckets_.size()];
    if (bucket.round != round_) return bucket;
    const Group& group = groups_[bucket.group];
    if (group.socket_index != socket_index) continue;
    const FiveTuple* const known = entries_[group.first].outgoing.path;
    if (known == &path || *known == path) return bucket;
  }
}

void SendBatch::Build(const Socket& socket) {
  messages_->count = 0;
  messages_->vector_count = 0;
  for (uint16_t group = socket.first_group; group != kNone; group = groups_[group].next) {
    for (uint16_t next = groups_[group].first; next != kNone;) {
      next = AppendRun(*socket.socket, next);
    }
  }
}

uint16_t SendBatch::AppendRun(const SendSocket& socket, uint16_t first) {
  Messages& messages = *messages_;
  const uint32_t index = messages.count++;
  const Outgoing& head = entries_[first].outgoing;
  const uint32_t segment_bytes = head.length;
  Run& run = messages.runs[index];
  run = Run{first, 1, segment_bytes, 0};
  msghdr& header = messages.headers[index].msg_hdr;
  header = msghdr{};
  header.msg_iov = &messages.vectors[messages.vector_count];
  header.msg_name = &messages.remotes[index];
  header.msg_namelen = ToSocketAddress(head.path->remote, &messages.remotes[index]);
  AppendVector(head, header.msg_iov);

  uint16_t next = entries_[first].next;
  // All segments have the first one's length; the last may be shorter.
  bool equal = segment_bytes <= socket.segments_over_path_mtu_.LimitFor(head.path->remote.ip,
                                                                        socket.segment_bytes_max_);
  while (next != kNone && equal && run.datagrams < kSegmentsMax) {
    const Outgoing& segment = entries_[next].outgoing;
    const uint32_t bytes = segment.length;
    if (bytes > segment_bytes || bytes == 0 || run.bytes + bytes > kSegmentRunBytesMax) break;
    if (segment.traffic_class != head.traffic_class) break;
    AppendVector(segment, header.msg_iov);
    ++run.datagrams;
    run.bytes += bytes;
    equal = bytes == segment_bytes;
    next = entries_[next].next;
  }
  header.msg_iovlen =
      static_cast<size_t>(&messages.vectors[messages.vector_count] - header.msg_iov);
  header.msg_control = &messages.controls[index];
  if (!head.path->local.IsNone()) AppendSource(&header, head.path->local);
  if (head.traffic_class != 0) AppendTrafficClass(&header, head);
  run.single_control_bytes = static_cast<uint32_t>(header.msg_controllen);
  if (run.datagrams > 1) AppendSegmentSize(&header, static_cast<uint16_t>(segment_bytes));
  return next;
}

void SendBatch::AppendVector(const Outgoing& outgoing, iovec* first) {
  Messages& messages = *messages_;
  iovec* const next = &messages.vectors[messages.vector_count];
  // Adjacent datagrams in memory share one iovec; the segments of a super-packet are adjacent.
  if (next != first) {
    iovec& before = next[-1];
    if (static_cast<uint8_t*>(before.iov_base) + before.iov_len == outgoing.data) {
      before.iov_len += outgoing.length;
      return;
    }
  }
  *next = VectorOf(outgoing);
  ++messages.vector_count;
}

void SendBatch::AppendSource(msghdr* header, const IpAddress& local) {
  if (local.IsIpv4()) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, &local.bytes[12], 4);
    AppendControl(header, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, local.bytes.data(), 16);
    AppendControl(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void SendBatch::AppendTrafficClass(msghdr* header, const Outgoing& outgoing) {
  const int traffic_class = outgoing.traffic_class;
  if (outgoing.path->remote.ip.IsIpv4()) {
    AppendControl(header, IPPROTO_IP, IP_TOS, traffic_class);
  } else {
    AppendControl(header, IPPROTO_IPV6, IPV6_TCLASS, traffic_class);
  }
}

void SendBatch::AppendSegmentSize(msghdr* header, uint16_t segment_bytes) {
  AppendControl(header, SOL_UDP, UDP_SEGMENT, segment_bytes);
}

void SendBatch::Flush(CounterRow& counters) {
  for (uint32_t i = 0; i < socket_count_; ++i) {
    SendSocket& socket = *sockets_[i].socket;
    if (!socket.segments_over_path_mtu_.empty())
      socket.segments_over_path_mtu_.Forget(ReadClock().monotonic_ns);
    Build(sockets_[i]);
    Send(socket, counters);
  }
  Clear();
}

void SendBatch::Send(SendSocket& socket, CounterRow& counters) {
  uint32_t next = 0;
  Retries retries(socket.socket_);
  while (next < messages_->count) {
    const int sent =
        SendMessages(socket.socket_.fd(), &messages_->headers[next], messages_->count - next);
    if (sent > 0) {
      CountSent(socket, next, static_cast<uint32_t>(sent), counters);
      next += static_cast<uint32_t>(sent);
      retries = Retries(socket.socket_);
      continue;
    }
    const int error_number = errno;
    if (error_number == EINTR) continue;
    if (IsBlocked(error_number)) {
      CountDropped(next, counters);
      return;
    }
    if (retries.May(error_number)) continue;
    // The error concerns the first message only; the others are still sent.
    HandleSendError(socket, next++, error_number, counters);
    retries = Retries(socket.socket_);
  }
}

int SendBatch::SendUnfragmented(SendSocket& through, const Outgoing& outgoing,
                                CounterRow& counters) {
  if (!empty()) Flush(counters);
  Add(through, outgoing);
  Build(sockets_[0]);
  int error = 0;
  if (!through.socket_.ForbidFragments(true) ||
      sendmsg(through.socket_.fd(), &messages_->headers[0].msg_hdr, MSG_DONTWAIT) < 0) {
    error = errno;
  }
  // Allows fragmentation again before other data is sent.
  through.socket_.ForbidFragments(false);
  if (error == 0) AddSent(through, 1, outgoing.length, counters);
  Clear();
  return error;
}

void SendBatch::Clear() {
  count_ = 0;
  room_taken_ = 0;
  group_count_ = 0;
  socket_count_ = 0;
  if (++round_ > 0) return;
  buckets_.fill(Bucket{});
  round_ = 1;
}

void SendBatch::HandleSendError(SendSocket& socket, uint32_t index, int error_number,
                                CounterRow& counters) {
  const Run& run = messages_->runs[index];
  if (run.datagrams > 1 && error_number == EIO) {
    // The device cannot checksum segments.
    counters.Add(Counter::kSegmentsRefused);
    SendSingly(socket, index, counters);
    socket.segment_bytes_max_ = 0;
  } else if (run.datagrams > 1 && (error_number == EINVAL || error_number == EMSGSIZE)) {
    SendSegmentsOverPathMtu(socket, index, counters);
  } else {
    counters.Add(Counter::kSendErrors, run.datagrams);
  }
}

void SendBatch::SendSegmentsOverPathMtu(SendSocket& socket, uint32_t index, CounterRow& counters) {
  counters.Add(Counter::kSegmentsRefused);
  // If the single datagrams are refused too, segmentation is not the cause.
  if (!SendSingly(socket, index, counters)) return;
  const Outgoing& first = entries_[messages_->runs[index].first].outgoing;
  socket.segments_over_path_mtu_.Note(first.path->remote.ip, first.length - 1,
                                      ReadClock().monotonic_ns);
}

bool SendBatch::SendSingly(const SendSocket& socket, uint32_t index, CounterRow& counters) {
  bool any_left = false;
  const Run& run = messages_->runs[index];
  msghdr header = messages_->headers[index].msg_hdr;
  header.msg_controllen = run.single_control_bytes;
  uint16_t next = run.first;
  for (uint32_t i = 0; i < run.datagrams; ++i, next = entries_[next].next) {
    const Outgoing& outgoing = entries_[next].outgoing;
    iovec vector = VectorOf(outgoing);
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    Retries retries(socket.socket_);
    int error_number = 0;
    do {
      error_number = sendmsg(socket.socket_.fd(), &header, MSG_DONTWAIT) < 0 ? errno : 0;
    } while (error_number == EINTR || (error_number != 0 && retries.May(error_number)));
    if (error_number != 0) {
      counters.Add(IsBlocked(error_number) ? Counter::kSendBlocked : Counter::kSendErrors);
      continue;
    }
    AddSent(socket, 1, outgoing.length, counters);
    any_left = true;
  }
  return any_left;
}

void SendBatch::CountSent(const SendSocket& socket, uint32_t first, uint32_t count,
                          CounterRow& counters) const {
  uint64_t datagrams = 0;
  uint64_t bytes = 0;
  uint64_t runs = 0;
  for (uint32_t i = first; i < first + count; ++i) {
    const Run& run = messages_->runs[i];
    datagrams += run.datagrams;
    bytes += run.bytes;
    if (run.datagrams > 1) ++runs;
  }
  AddSent(socket, datagrams, bytes, counters);
  if (runs > 0) counters.Add(Counter::kSegmentedSends, runs);
}

void SendBatch::AddSent(const SendSocket& socket, uint64_t datagrams, uint64_t bytes,
                        CounterRow& counters) const {
  const SideCounters& side = CountersOf(socket.side_);
  counters.Add(side.tx_packets, datagrams);
  counters.Add(side.tx_bytes, bytes);
}

void SendBatch::CountDropped(uint32_t first, CounterRow& counters) const {
  uint64_t datagrams = 0;
  for (uint32_t i = first; i < messages_->count; ++i) datagrams += messages_->runs[i].datagrams;
  counters.Add(Counter::kSendBlocked, datagrams);
}

}  // namespace turnpike
