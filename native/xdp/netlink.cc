#include "xdp/netlink.h"

#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace turnpike {

namespace {

constexpr size_t kAnswerBytes = 16 * 1024;

size_t IpBytes(const IpAddress& ip) { return ip.IsIpv4() ? 4 : 16; }
const uint8_t* IpData(const IpAddress& ip) { return ip.bytes.data() + 16 - IpBytes(ip); }
uint8_t FamilyOf(const IpAddress& ip) { return ip.IsIpv4() ? AF_INET : AF_INET6; }

IpAddress ReadIp(const void* data, size_t bytes) {
  IpAddress ip;
  if (bytes == 4) return IpAddress::FromIpv4(static_cast<const uint8_t*>(data));
  if (bytes == 16) std::memcpy(ip.bytes.data(), data, 16);
  return ip;
}

// A netlink request: header, body and attributes.
template <typename Body>
struct Request {
  nlmsghdr header{};
  Body body{};
  uint8_t attributes[128]{};

  Request(uint16_t type, uint16_t flags) {
    header.nlmsg_len = NLMSG_LENGTH(sizeof(Body));
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  }
  void AddIp(uint16_t type, const IpAddress& ip) { Add(type, IpData(ip), IpBytes(ip)); }
  void Add(uint16_t type, const void* data, size_t bytes) {
    const rtattr attribute{static_cast<uint16_t>(RTA_LENGTH(bytes)), type};
    uint8_t* at = attributes + NLMSG_ALIGN(header.nlmsg_len) - NLMSG_LENGTH(sizeof(Body));
    std::memcpy(at, &attribute, sizeof(attribute));
    std::memcpy(at + RTA_LENGTH(0), data, bytes);
    header.nlmsg_len = NLMSG_ALIGN(header.nlmsg_len) + RTA_ALIGN(attribute.rta_len);
  }
};

int OpenSocket(uint32_t groups) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups != 0 ? SOCK_NONBLOCK : 0),
                        NETLINK_ROUTE);
  if (fd < 0) return -1;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// Sends a request and passes its response to `read`. Returns false if the response is an error or
// `read` rejects it.
template <typename Body, typename Read>
bool Ask(int fd, uint32_t serial, Request<Body>* request, const Read& read) {
  request->header.nlmsg_seq = serial;
  if (send(fd, &request->header, request->header.nlmsg_len, 0) < 0) return false;
  alignas(nlmsghdr) uint8_t answer[kAnswerBytes];
  while (true) {
    const ssize_t length = recv(fd, answer, sizeof(answer), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < static_cast<ssize_t>(sizeof(nlmsghdr))) return false;
    const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
    // Response to an earlier request that timed out.
    if (header->nlmsg_seq != serial) continue;
    return header->nlmsg_type != NLMSG_ERROR && read(header);
  }
}

template <typename Body, typename Visit>
void VisitAttributes(const nlmsghdr* header, const Visit& visit) {
  const auto* first =
      reinterpret_cast<const uint8_t*>(NLMSG_DATA(header)) + NLMSG_ALIGN(sizeof(Body));
  int length = static_cast<int>(header->nlmsg_len) - static_cast<int>(NLMSG_LENGTH(sizeof(Body)));
  for (auto* at = reinterpret_cast<const rtattr*>(first); RTA_OK(at, length);
       at = RTA_NEXT(at, length)) {
    visit(at->rta_type & NLA_TYPE_MASK, static_cast<const uint8_t*>(RTA_DATA(at)), RTA_PAYLOAD(at));
  }
}

uint32_t ReadWord(const uint8_t* data) {
  uint32_t word;
  std::memcpy(&word, data, sizeof(word));
  return word;
}

uint32_t ReadMtu(const uint8_t* metrics, size_t length) {
  int left = static_cast<int>(length);
  for (auto* at = reinterpret_cast<const rtattr*>(metrics); RTA_OK(at, left);
       at = RTA_NEXT(at, left)) {
    if (at->rta_type == RTAX_MTU) return ReadWord(static_cast<const uint8_t*>(RTA_DATA(at)));
  }
  return 0;
}

bool ReadRoute(const nlmsghdr* header, Route* route) {
  const auto* body = static_cast<const rtmsg*>(NLMSG_DATA(header));
  if (header->nlmsg_type != RTM_NEWROUTE || body->rtm_type != RTN_UNICAST) return false;
  bool encapsulated = false;
  VisitAttributes<rtmsg>(header, [&](int type, const uint8_t* data, size_t length) {
    if (type == RTA_OIF) route->ifindex = ReadWord(data);
    if (type == RTA_GATEWAY) route->neighbour = ReadIp(data, length);
    // RTA_VIA is a gateway of the other family, preceded by two bytes of family.
    if (type == RTA_VIA && length > 2) route->neighbour = ReadIp(data + 2, length - 2);
    if (type == RTA_ENCAP_TYPE) encapsulated = true;
    if (type == RTA_METRICS) route->mtu = ReadMtu(data, length);
  });
  return route->ifindex != 0 && !encapsulated;
}

bool ReadNeighbour(const nlmsghdr* header, Neighbour* neighbour) {
  const auto* body = static_cast<const ndmsg*>(NLMSG_DATA(header));
  if (body->ndm_family != AF_INET && body->ndm_family != AF_INET6) return false;
  neighbour->ifindex = static_cast<uint32_t>(body->ndm_ifindex);
  bool has_mac = false;
  VisitAttributes<ndmsg>(header, [&](int type, const uint8_t* data, size_t length) {
    if (type == NDA_DST) neighbour->ip = ReadIp(data, length);
    if (type != NDA_LLADDR || length != sizeof(neighbour->mac.bytes)) return;
    std::memcpy(neighbour->mac.bytes, data, length);
    has_mac = true;
  });
  constexpr uint16_t kValid =
      NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;
  neighbour->usable =
      header->nlmsg_type == RTM_NEWNEIGH && has_mac && (body->ndm_state & kValid) != 0;
  neighbour->stale = (body->ndm_state & NUD_STALE) != 0;
  return true;
}

}  // namespace

NetlinkRequests::~NetlinkRequests() {
  if (fd_ >= 0) close(fd_);
}

Status NetlinkRequests::Open() {
  fd_ = OpenSocket(0);
  if (fd_ >= 0) return {};
  return Status::System("cannot open a netlink socket", errno);
}

bool NetlinkRequests::FindRoute(const IpAddress& destination, const IpAddress& source,
                                Route* route) {
  Request<rtmsg> request(RTM_GETROUTE, 0);
  request.body.rtm_family = FamilyOf(destination);
  request.body.rtm_dst_len = static_cast<uint8_t>(8 * IpBytes(destination));
  request.AddIp(RTA_DST, destination);
  if (!source.IsNone()) {
    request.body.rtm_src_len = static_cast<uint8_t>(8 * IpBytes(source));
    request.AddIp(RTA_SRC, source);
  }
  // Policy rules may match on the protocol.
  const uint8_t protocol = IPPROTO_UDP;
  request.Add(RTA_IP_PROTO, &protocol, sizeof(protocol));
  *route = Route{};
  route->neighbour = destination;
  return Ask(fd_, ++serial_, &request,
             [route](const nlmsghdr* header) { return ReadRoute(header, route); });
}

bool NetlinkRequests::FindNeighbour(uint32_t ifindex, const IpAddress& ip, Neighbour* neighbour) {
  Request<ndmsg> request(RTM_GETNEIGH, 0);
  request.body.ndm_family = FamilyOf(ip);
  request.body.ndm_ifindex = static_cast<int>(ifindex);
  request.AddIp(NDA_DST, ip);
  *neighbour = Neighbour{};
  return Ask(fd_, ++serial_, &request,
             [neighbour](const nlmsghdr* header) { return ReadNeighbour(header, neighbour); });
}

void NetlinkRequests::UseNeighbour(uint32_t ifindex, const IpAddress& ip) {
  Request<ndmsg> request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
  request.body.ndm_family = FamilyOf(ip);
  request.body.ndm_ifindex = static_cast<int>(ifindex);
  request.body.ndm_flags = NTF_USE;
  request.AddIp(NDA_DST, ip);
  Ask(fd_, ++serial_, &request, [](const nlmsghdr*) { return true; });
}

NetlinkEvents::~NetlinkEvents() {
  if (fd_ >= 0) close(fd_);
}

Status NetlinkEvents::Open() {
  fd_ = OpenSocket(RTMGRP_NEIGH | RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE |
                   RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_RULE |
                   1u << (RTNLGRP_IPV6_RULE - 1));
  if (fd_ >= 0) return {};
  return Status::System("cannot listen to netlink", errno);
}

NetlinkEvents::Changes NetlinkEvents::Take(
    const std::function<void(const Neighbour&)>& on_neighbour) {
  Changes changes;
  alignas(nlmsghdr) uint8_t news[kAnswerBytes];
  while (true) {
    const ssize_t received = recv(fd_, news, sizeof(news), 0);
    if (received < 0 && errno == EINTR) continue;
    // The socket buffer overflowed and notifications were lost, so anything may have changed.
    if (received < 0 && errno == ENOBUFS) {
      changes.links = changes.any = true;
      continue;
    }
    if (received <= 0) return changes;
    uint32_t length = static_cast<uint32_t>(received);
    for (auto* header = reinterpret_cast<const nlmsghdr*>(news); NLMSG_OK(header, length);
         header = NLMSG_NEXT(header, length)) {
      if (header->nlmsg_type != RTM_NEWNEIGH && header->nlmsg_type != RTM_DELNEIGH) {
        changes.any = true;
        if (header->nlmsg_type == RTM_NEWLINK || header->nlmsg_type == RTM_DELLINK) {
          changes.links = true;
        }
        continue;
      }
      Neighbour neighbour;
      if (ReadNeighbour(header, &neighbour)) on_neighbour(neighbour);
    }
  }
}

}  // namespace turnpike
