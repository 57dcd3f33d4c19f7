#include "io/send_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <cstring>

#include "io/clock.h"

namespace turnpike {

namespace {

// Spreads destinations over a table; whoever makes them collide only makes one flush slower.
uint32_t HashOf(const FiveTuple& path) {
  uint64_t high;
  uint64_t low;
  std::memcpy(&high, &path.remote.ip.bytes[0], 8);
  std::memcpy(&low, &path.remote.ip.bytes[8], 8);
  const uint64_t mixed = (high ^ low ^ uint64_t{path.remote.port} << 16) * 0x9e3779b97f4a7c15;
  return static_cast<uint32_t>(mixed >> 40);
}

// Adds a part to the message's control bytes; msg_control has room for it.
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

// The kernel only reads there, but its vectors are not const.
iovec VectorOf(const Outgoing& outgoing) {
  return iovec{const_cast<uint8_t*>(outgoing.data), outgoing.length};
}

}  // namespace

SendBatch::SendBatch(const UdpSocket& socket, Side side)
    : socket_(socket), side_(side), messages_(std::make_unique<Messages>()) {}

uint8_t* SendBatch::TakeRoom(uint32_t bytes) {
  if (!room_) room_ = std::make_unique_for_overwrite<uint8_t[]>(kSendRoomBytes);
  if (bytes > kSendRoomBytes - room_taken_) return nullptr;
  uint8_t* const start = &room_[room_taken_];
  room_taken_ += bytes;
  return start;
}

void SendBatch::Add(const Outgoing& outgoing) {
  const uint16_t index = static_cast<uint16_t>(count_++);
  entries_[index].outgoing = outgoing;
  entries_[index].next = kNone;
  Place& place = PlaceOf(*outgoing.path);
  if (place.round == round_) {
    Group& group = groups_[place.group];
    entries_[group.last].next = index;
    group.last = index;
    return;
  }
  place = Place{round_, static_cast<uint16_t>(group_count_)};
  groups_[group_count_++] = Group{index, index};
}

SendBatch::Place& SendBatch::PlaceOf(const FiveTuple& path) {
  // Ends because at most half of the places are taken in one round.
  for (uint32_t position = HashOf(path);; ++position) {
    Place& place = places_[position % places_.size()];
    if (place.round != round_) return place;
    const FiveTuple* const known = entries_[groups_[place.group].first].outgoing.path;
    if (known == &path || *known == path) return place;
  }
}

void SendBatch::Build() {
  messages_->count = 0;
  messages_->vector_count = 0;
  for (uint32_t i = 0; i < group_count_; ++i) {
    for (uint16_t next = groups_[i].first; next != kNone;) next = AppendRun(next);
  }
}

uint16_t SendBatch::AppendRun(uint16_t first) {
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
  // All segments have the first one's length, but the last may be shorter.
  bool equal =
      segment_bytes <= (narrow_paths_.empty()
                            ? segment_bytes_max_
                            : narrow_paths_.LimitFor(head.path->remote.ip, segment_bytes_max_));
  while (next != kNone && equal && run.datagrams < kSegmentsMax) {
    const Outgoing& segment = entries_[next].outgoing;
    const uint32_t bytes = segment.length;
    if (bytes > segment_bytes || bytes == 0 || run.bytes + bytes > kSegmentRunBytesMax) break;
    AppendVector(segment, header.msg_iov);
    ++run.datagrams;
    run.bytes += bytes;
    equal = bytes == segment_bytes;
    next = entries_[next].next;
  }
  header.msg_iovlen =
      static_cast<size_t>(&messages.vectors[messages.vector_count] - header.msg_iov);
  if (!head.path->local.IsNone() || run.datagrams > 1) {
    header.msg_control = &messages.controls[index];
    if (!head.path->local.IsNone()) AppendSource(&header, head.path->local);
    run.source_control_bytes = static_cast<uint32_t>(header.msg_controllen);
    if (run.datagrams > 1) AppendSegmentSize(&header, static_cast<uint16_t>(segment_bytes));
  }
  return next;
}

void SendBatch::AppendVector(const Outgoing& outgoing, iovec* first) {
  Messages& messages = *messages_;
  iovec* const next = &messages.vectors[messages.vector_count];
  // Datagrams that lie one behind the other go as one piece: a super-frame's segments do.
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

void SendBatch::AppendSegmentSize(msghdr* header, uint16_t segment_bytes) {
  AppendControl(header, SOL_UDP, UDP_SEGMENT, segment_bytes);
}

void SendBatch::Flush(CounterRow& counters) {
  if (!narrow_paths_.empty()) narrow_paths_.Forget(ReadClock().monotonic_ns);
  Build();
  uint32_t next = 0;
  while (next < messages_->count) {
    const int sent =
        sendmmsg(socket_.fd(), &messages_->headers[next], messages_->count - next, MSG_DONTWAIT);
    if (sent > 0) {
      CountSent(next, static_cast<uint32_t>(sent), counters);
      next += static_cast<uint32_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) {
      CountDropped(next, counters);
      break;
    }
    // The error is the first message's alone: one poisoned datagram must not stop the others.
    HandleRefusal(next++, errno, counters);
  }
  Clear();
}

int SendBatch::SendUnfragmented(const Outgoing& outgoing, CounterRow& counters) {
  if (!empty()) Flush(counters);
  Add(outgoing);
  Build();
  int error = 0;
  if (!socket_.ForbidFragments(true) ||
      sendmsg(socket_.fd(), &messages_->headers[0].msg_hdr, MSG_DONTWAIT) < 0) {
    error = errno;
  }
  // Before anything else leaves: data must not be lost for its length.
  socket_.ForbidFragments(false);
  if (error == 0) AddSent(1, outgoing.length, counters);
  Clear();
  return error;
}

void SendBatch::Clear() {
  count_ = 0;
  room_taken_ = 0;
  group_count_ = 0;
  if (++round_ > 0) return;
  places_.fill(Place{});
  round_ = 1;
}

void SendBatch::HandleRefusal(uint32_t index, int error_number, CounterRow& counters) {
  const Run& run = messages_->runs[index];
  // EIO: the device cannot checksum segments. EINVAL, EMSGSIZE: they are longer than its MTU.
  const bool segments_refused =
      run.datagrams > 1 &&
      (error_number == EIO || error_number == EINVAL || error_number == EMSGSIZE);
  if (!segments_refused) {
    counters.Add(Counter::kSendErrors, run.datagrams);
    return;
  }
  counters.Add(Counter::kSegmentsRefused);
  const bool sent = SendSingly(index, counters);
  const Outgoing& first = entries_[run.first].outgoing;
  if (error_number == EIO) {
    segment_bytes_max_ = 0;
  } else if (sent) {
    // Were the datagrams refused one by one too, it was not for their being segments.
    narrow_paths_.Note(first.path->remote.ip, first.length - 1, ReadClock().monotonic_ns);
  }
}

bool SendBatch::SendSingly(uint32_t index, CounterRow& counters) {
  bool any_left = false;
  const Run& run = messages_->runs[index];
  msghdr header = messages_->headers[index].msg_hdr;
  header.msg_controllen = run.source_control_bytes;
  uint16_t next = run.first;
  for (uint32_t i = 0; i < run.datagrams; ++i, next = entries_[next].next) {
    const Outgoing& outgoing = entries_[next].outgoing;
    iovec vector = VectorOf(outgoing);
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    const ssize_t sent = sendmsg(socket_.fd(), &header, MSG_DONTWAIT);
    if (sent < 0) {
      const bool blocked = errno == EAGAIN || errno == ENOBUFS;
      counters.Add(blocked ? Counter::kSendBlocked : Counter::kSendErrors);
      continue;
    }
    AddSent(1, outgoing.length, counters);
    any_left = true;
  }
  return any_left;
}

void SendBatch::CountSent(uint32_t first, uint32_t count, CounterRow& counters) const {
  uint64_t datagrams = 0;
  uint64_t bytes = 0;
  uint64_t runs = 0;
  for (uint32_t i = first; i < first + count; ++i) {
    const Run& run = messages_->runs[i];
    datagrams += run.datagrams;
    bytes += run.bytes;
    if (run.datagrams > 1) ++runs;
  }
  AddSent(datagrams, bytes, counters);
  if (runs > 0) counters.Add(Counter::kSegmentedSends, runs);
}

void SendBatch::AddSent(uint64_t datagrams, uint64_t bytes, CounterRow& counters) const {
  const bool client = side_ == Side::kClient;
  counters.Add(client ? Counter::kClientTxPackets : Counter::kTrunkTxPackets, datagrams);
  counters.Add(client ? Counter::kClientTxBytes : Counter::kTrunkTxBytes, bytes);
}

void SendBatch::CountDropped(uint32_t first, CounterRow& counters) const {
  uint64_t datagrams = 0;
  for (uint32_t i = first; i < messages_->count; ++i) datagrams += messages_->runs[i].datagrams;
  counters.Add(Counter::kSendBlocked, datagrams);
}

}  // namespace turnpike
