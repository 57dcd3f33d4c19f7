#include "io/udp_socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <string>
#include <utility>

#include "io/socket_address.h"
#include "wire/trunk_datagram.h"

namespace turnpike {

namespace {

// A filter on a UDP socket sees the packet from the UDP header on.
constexpr uint32_t kUdpHeaderBytes = 8;
constexpr uint32_t kPathProbeReplyFirstByte =
    kTrunkVersion << 4 | static_cast<uint32_t>(TrunkType::kPathProbeReply);

// Returns the size of a socket buffer as the kernel takes it, which doubles it.
int BufferBytes(uint32_t bytes) { return static_cast<int>(std::min<uint32_t>(bytes, INT_MAX / 2)); }

}  // namespace

UdpSocket::~UdpSocket() {
  if (fd_ >= 0) close(fd_);
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      address_(other.address_),
      kernel_drops_(other.kernel_drops_),
      reports_errors_(other.reports_errors_) {}

Status UdpSocket::OpenFirst(const TransportAddress& address, uint32_t buffer_bytes) {
  // SO_REUSEPORT is set after the bind. Set before, it would let bind join the port group of
  // another process of the same user, and the kernel would split the packets between both, even for
  // port 0.
  if (Status status = Create(address, buffer_bytes); !status.ok()) return status;
  return Bind();
}

Status UdpSocket::AllowSharing() {
  if (SetOption(SOL_SOCKET, SO_REUSEPORT, 1)) return {};
  return Failed("cannot share the port among workers", errno);
}

Status UdpSocket::OpenShared(const TransportAddress& address, uint32_t buffer_bytes) {
  if (Status status = Create(address, buffer_bytes); !status.ok()) return status;
  if (Status status = AllowSharing(); !status.ok()) return status;
  return Bind();
}

Status UdpSocket::OpenLane(const TransportAddress& address, uint32_t buffer_bytes) {
  TransportAddress free_port = address;
  free_port.port = 0;
  if (Status status = Create(free_port, buffer_bytes); !status.ok()) return status;
  // Relays send no data to this port, so the kernel drops everything except replies to path probes.
  sock_filter replies_only[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kUdpHeaderBytes),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kPathProbeReplyFirstByte, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program{sizeof(replies_only) / sizeof(replies_only[0]), replies_only};
  if (setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return Failed("cannot filter what is received at", errno);
  }
  return Bind();
}

Status UdpSocket::OpenSteered(bool ipv6, uint32_t buffer_bytes) {
  // An address that hosts outside cannot send to: only steered datagrams arrive.
  TransportAddress loopback;
  static constexpr uint8_t kLoopback[4] = {127, 0, 0, 1};
  if (ipv6) {
    loopback.ip.bytes[15] = 1;
  } else {
    loopback.ip = IpAddress::FromIpv4(kLoopback);
  }
  if (Status status = Create(loopback, buffer_bytes); !status.ok()) return status;
  // The namespace may have no loopback address.
  const bool ok =
      ipv6 ? SetOption(IPPROTO_IPV6, IPV6_FREEBIND, 1) &&
                 SetOption(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1)
           : SetOption(IPPROTO_IP, IP_FREEBIND, 1) && SetOption(IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
  if (!ok) return Failed("cannot set a socket option", errno);
  // One buffer in place of one for each port: as large as asked for, if the rights allow it.
  SetOption(SOL_SOCKET, SO_RCVBUFFORCE, BufferBytes(buffer_bytes));
  return Bind();
}

bool UdpSocket::ForbidFragments(bool forbid) const {
  return address_.ip.IsIpv4()
             ? SetOption(IPPROTO_IP, IP_MTU_DISCOVER, forbid ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT)
             : SetOption(IPPROTO_IPV6, IPV6_MTU_DISCOVER,
                         forbid ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT);
}

Status UdpSocket::ReportTrafficClass() {
  const bool ok = address_.ip.IsIpv4() ? SetOption(IPPROTO_IP, IP_RECVTOS, 1)
                                       : SetOption(IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  return ok ? Status{} : Failed("cannot set a socket option", errno);
}

Status UdpSocket::ReportErrors() {
  reports_errors_ = address_.ip.IsIpv4() ? SetOption(IPPROTO_IP, IP_RECVERR, 1)
                                         : SetOption(IPPROTO_IPV6, IPV6_RECVERR, 1);
  return reports_errors_ ? Status{} : Failed("cannot set a socket option", errno);
}

UdpSocket::ErrorTaken UdpSocket::TakeError(IcmpError* error) const {
  SocketAddress remote;
  alignas(cmsghdr) uint8_t control[512];
  msghdr header{};
  header.msg_name = &remote;
  header.msg_namelen = sizeof(remote);
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  if (recvmsg(fd_, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return ErrorTaken::kNone;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    const bool ipv4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
    const bool ipv6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
    if (!ipv4 && !ipv6) continue;
    sock_extended_err said;
    std::memcpy(&said, CMSG_DATA(part), sizeof(said));
    if (said.ee_origin != SO_EE_ORIGIN_ICMP && said.ee_origin != SO_EE_ORIGIN_ICMP6) break;
    *error = IcmpError{{}, FromSocketAddress(remote), said.ee_type, said.ee_code, said.ee_info};
    return ErrorTaken::kIcmp;
  }
  return ErrorTaken::kOther;
}

void UdpSocket::PreferBusyPoll(uint32_t microseconds) {
  SetOption(SOL_SOCKET, SO_BUSY_POLL, static_cast<int>(microseconds));
  SetOption(SOL_SOCKET, SO_PREFER_BUSY_POLL, 1);
}

uint32_t UdpSocket::TakeDrops() {
  // SO_RXQ_OVFL would add a control message to every datagram after the first drop.
  uint32_t memory[SK_MEMINFO_VARS];
  socklen_t bytes = sizeof(memory);
  if (getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, memory, &bytes) != 0) return 0;
  const uint32_t drops = memory[SK_MEMINFO_DROPS];
  return drops - std::exchange(kernel_drops_, drops);
}

bool UdpSocket::IsHalfFull() const {
  uint32_t memory[SK_MEMINFO_VARS];
  socklen_t bytes = sizeof(memory);
  if (getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, memory, &bytes) != 0) return false;
  return memory[SK_MEMINFO_RMEM_ALLOC] >= memory[SK_MEMINFO_RCVBUF] / 2;
}

Status UdpSocket::Create(const TransportAddress& address, uint32_t buffer_bytes) {
  address_ = address;
  const bool ipv4 = address.ip.IsIpv4();
  fd_ = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return Failed("cannot open a UDP socket", errno);
  // Best effort: the kernel limits buffer sizes, and smaller buffers only drop packets earlier.
  SetOption(SOL_SOCKET, SO_RCVBUF, BufferBytes(buffer_bytes));
  SetOption(SOL_SOCKET, SO_SNDBUF, BufferBytes(buffer_bytes));
  // Datagrams that exceed the path MTU are fragmented, not refused. For IPv4, PMTU discovery is
  // off, so forged ICMP cannot lower the path MTU; otherwise one forged message would cause
  // fragmentation of everything sent to a relay for ten minutes.
  bool ok = ForbidFragments(false) && (ipv4 || SetOption(IPPROTO_IPV6, IPV6_V6ONLY, 1));
  // Best effort: without GRO each datagram is a message of its own.
  SetOption(SOL_UDP, UDP_GRO, 1);
  if (ok && wildcard()) {
    ok = ipv4 ? SetOption(IPPROTO_IP, IP_PKTINFO, 1) : SetOption(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  }
  return ok ? Status{} : Failed("cannot set a socket option", errno);
}

Status UdpSocket::Bind() {
  SocketAddress bound;
  socklen_t length = ToSocketAddress(address_, &bound);
  if (bind(fd_, &bound.any, length) != 0) return Failed("cannot bind", errno);
  if (getsockname(fd_, &bound.any, &length) != 0) return Failed("cannot read the port", errno);
  address_ = FromSocketAddress(bound);
  return {};
}

Status UdpSocket::Failed(const char* what, int error_number) const {
  const std::string text = ToText(address_);
  return Status{StatusCode::kBind, error_number,
                std::string(what) + " " + text + ": " + std::strerror(error_number), text};
}

bool UdpSocket::SetOption(int level, int option, int value) const {
  return setsockopt(fd_, level, option, &value, sizeof(value)) == 0;
}

}  // namespace turnpike
