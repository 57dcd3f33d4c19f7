#include "io/send_batch.h"

#include <errno.h>
#include <netinet/in.h>

#include <cstring>

namespace turnpike {

namespace {

// Makes `info` the message's only control part; msg_control has room for it.
template <typename Info>
void SetControl(msghdr* header, int level, int type, const Info& info) {
  header->msg_controllen = CMSG_SPACE(sizeof(info));
  std::memset(header->msg_control, 0, header->msg_controllen);
  cmsghdr* part = CMSG_FIRSTHDR(header);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof(info));
  std::memcpy(CMSG_DATA(part), &info, sizeof(info));
}

}  // namespace

void SendBatch::Add(const Outgoing& outgoing) {
  const size_t index = count_++;
  // sendmmsg only reads, but its vectors are not const.
  vectors_[index] = iovec{const_cast<uint8_t*>(outgoing.data), outgoing.length};
  msghdr& header = messages_[index].msg_hdr;
  header = msghdr{};
  header.msg_iov = &vectors_[index];
  header.msg_iovlen = 1;
  header.msg_name = &remotes_[index];
  header.msg_namelen = ToSocketAddress(outgoing.path.remote, &remotes_[index]);
  if (!outgoing.path.local.IsNone()) SetSource(index, outgoing.path.local);
}

void SendBatch::SetSource(size_t index, const IpAddress& local) {
  msghdr& header = messages_[index].msg_hdr;
  header.msg_control = &controls_[index];
  if (local.IsIpv4()) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, &local.bytes[12], 4);
    SetControl(&header, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, local.bytes.data(), 16);
    SetControl(&header, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void SendBatch::Flush(CounterRow& counters) {
  size_t next = 0;
  while (next < count_) {
    const int sent = sendmmsg(socket_.fd(), &messages_[next], static_cast<unsigned>(count_ - next),
                              MSG_DONTWAIT);
    if (sent > 0) {
      CountSent(next, static_cast<size_t>(sent), counters);
      next += static_cast<size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) {
      counters.Add(Counter::kSendBlocked, count_ - next);
      break;
    }
    // The error is the first message's alone: one poisoned datagram must not stop the others.
    counters.Add(Counter::kSendErrors);
    ++next;
  }
  count_ = 0;
}

void SendBatch::CountSent(size_t first, size_t count, CounterRow& counters) const {
  uint64_t bytes = 0;
  for (size_t i = first; i < first + count; ++i) bytes += vectors_[i].iov_len;
  const bool client = side_ == Side::kClient;
  counters.Add(client ? Counter::kClientTxPackets : Counter::kTrunkTxPackets, count);
  counters.Add(client ? Counter::kClientTxBytes : Counter::kTrunkTxBytes, bytes);
}

}  // namespace turnpike
