#include "io/receive_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

namespace turnpike {

namespace {

template <typename Value>
Value ReadPart(cmsghdr* part) {
  Value value;
  std::memcpy(&value, CMSG_DATA(part), sizeof(value));
  return value;
}

bool Is(const cmsghdr* part, int level, int type) {
  return part->cmsg_level == level && part->cmsg_type == type;
}

}  // namespace

Status ReceiveBatch::Allocate() {
  if (Status status = buffers_.Allocate(size_t{kBatchMessages} * kBufferStrideBytes);
      !status.ok()) {
    return status;
  }
  for (size_t i = 0; i < kBatchMessages; ++i) {
    vectors_[i].iov_base = &buffers_[i * kBufferStrideBytes + kHeadroomBytes];
    vectors_[i].iov_len = kDatagramBytesMax;
    msghdr& header = headers_[i].msg_hdr;
    header = msghdr{};
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_name = &remotes_[i];
    header.msg_control = &controls_[i];
  }
  return {};
}

ReceiveBatch::Result ReceiveBatch::Receive(const UdpSocket& socket, TransportHandle handle) {
  count_ = 0;
  next_message_ = 0;
  next_offset_ = 0;
  for (uint32_t i = 0; i < messages_max_; ++i) {
    headers_[i].msg_hdr.msg_namelen = sizeof(SocketAddress);
    headers_[i].msg_hdr.msg_controllen = sizeof(Control);
  }
  const int count = recvmmsg(socket.fd(), headers_.data(), messages_max_, MSG_DONTWAIT, nullptr);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? Result::kDrained : Result::kFailed;
  count_ = static_cast<uint32_t>(count);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    Message& message = messages_[i];
    message.tuple.remote = FromSocketAddress(remotes_[i]);
    message.tuple.local = IpAddress{};
    message.tuple.handle = handle;
    message.length = headers_[i].msg_len;
    message.segment_bytes = message.length;
    message.traffic_class = 0;
    if (headers_[i].msg_hdr.msg_controllen > 0) ReadControl(headers_[i].msg_hdr, &message);
    bytes += message.length;
  }
  const Result result = count_ < messages_max_ ? Result::kDrained : Result::kMore;
  AdaptTo(bytes);
  return result;
}

void ReceiveBatch::ReadControl(msghdr& header, Message* message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (Is(part, SOL_UDP, UDP_GRO)) {
      const int segment_bytes = ReadPart<int>(part);
      if (segment_bytes > 0) message->segment_bytes = static_cast<uint32_t>(segment_bytes);
    } else if (Is(part, IPPROTO_IP, IP_TOS)) {
      message->traffic_class = ReadPart<uint8_t>(part);
    } else if (Is(part, IPPROTO_IPV6, IPV6_TCLASS)) {
      message->traffic_class = static_cast<uint8_t>(ReadPart<int>(part));
    } else if (Is(part, IPPROTO_IP, IP_PKTINFO)) {
      const in_pktinfo info = ReadPart<in_pktinfo>(part);
      // Not ipi_addr, the destination in the header: it may be a broadcast address, which cannot be
      // sent from.
      message->tuple.local =
          IpAddress::FromIpv4(reinterpret_cast<const uint8_t*>(&info.ipi_spec_dst));
    } else if (Is(part, IPPROTO_IPV6, IPV6_PKTINFO)) {
      const in6_pktinfo info = ReadPart<in6_pktinfo>(part);
      std::memcpy(message->tuple.local.bytes.data(), &info.ipi6_addr, 16);
    } else if (Is(part, IPPROTO_IP, IP_ORIGDSTADDR)) {
      SocketAddress destination;
      destination.v4 = ReadPart<sockaddr_in>(part);
      message->destination = FromSocketAddress(destination);
    } else if (Is(part, IPPROTO_IPV6, IPV6_ORIGDSTADDR)) {
      SocketAddress destination;
      destination.v6 = ReadPart<sockaddr_in6>(part);
      message->destination = FromSocketAddress(destination);
    }
  }
}

void ReceiveBatch::AdaptTo(uint64_t bytes) {
  if (bytes > kBatchBytesHigh) {
    messages_max_ = std::max(kBatchMessagesMin, messages_max_ / 2);
  } else if (bytes < kBatchBytesLow) {
    messages_max_ = std::min(kBatchMessages, messages_max_ * 2);
  }
}

uint32_t ReceiveBatch::NextChunk() {
  uint32_t packets = 0;
  while (packets < kChunkPackets && next_message_ < count_) {
    const Message& message = messages_[next_message_];
    if (!message.has_endpoint()) [[unlikely]] {
      ++next_message_;
      continue;
    }
    Packet& packet = packets_[packets++];
    packet.data = static_cast<uint8_t*>(vectors_[next_message_].iov_base) + next_offset_;
    packet.length = std::min(message.segment_bytes, message.length - next_offset_);
    packet.tuple = &message.tuple;
    packet.traffic_class = message.traffic_class;
    packet.headroom = next_offset_ == 0;
    packet.tailroom = next_offset_ + packet.length == message.length;
    // Each buffer starts on its own page. The prefetches let the page walks run in parallel.
    __builtin_prefetch(packet.data);
    next_offset_ += packet.length;
    if (next_offset_ < message.length) continue;
    ++next_message_;
    next_offset_ = 0;
  }
  return packets;
}

}  // namespace turnpike
