#include "io/packet_batch.h"

#include <errno.h>
#include <netinet/in.h>

#include <cstring>

namespace turnpike {

Status PacketBatch::Allocate() {
  if (Status status = slots_.Allocate(size_t{kBatchPackets} * kSlotStrideBytes); !status.ok()) {
    return status;
  }
  for (size_t i = 0; i < kBatchPackets; ++i) {
    vectors_[i].iov_base = &slots_[i * kSlotStrideBytes + kHeadroomBytes];
    vectors_[i].iov_len = kDatagramBytesMax;
    msghdr& header = messages_[i].msg_hdr;
    header = msghdr{};
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_name = &remotes_[i];
    header.msg_control = &controls_[i];
  }
  return {};
}

int PacketBatch::Receive(const UdpSocket& socket, uint16_t socket_index) {
  const bool wildcard = socket.wildcard();
  for (mmsghdr& message : messages_) {
    message.msg_hdr.msg_namelen = sizeof(SocketAddress);
    message.msg_hdr.msg_controllen = wildcard ? sizeof(Control) : 0;
  }
  const int count = recvmmsg(socket.fd(), messages_.data(), kBatchPackets, MSG_DONTWAIT, nullptr);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; ++i) {
    FiveTuple& tuple = packets_[i].tuple;
    tuple.remote = FromSocketAddress(remotes_[i]);
    tuple.local = wildcard ? DestinationOf(messages_[i].msg_hdr) : IpAddress{};
    tuple.socket = socket_index;
    packets_[i].data = static_cast<uint8_t*>(vectors_[i].iov_base);
    packets_[i].length = messages_[i].msg_len;
  }
  return count;
}

IpAddress PacketBatch::DestinationOf(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(part), sizeof(info));
      // Not the header's destination, which may be a broadcast address that nothing can leave from.
      return IpAddress::FromIpv4(reinterpret_cast<const uint8_t*>(&info.ipi_spec_dst));
    }
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(part), sizeof(info));
      IpAddress ip;
      std::memcpy(ip.bytes.data(), &info.ipi6_addr, 16);
      return ip;
    }
  }
  return {};
}

}  // namespace turnpike
