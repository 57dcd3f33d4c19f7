#include "xdp/host/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <algorithm>
#include <fstream>

#include "base/units.h"

namespace turnpike {

namespace {

// CTA_STATUS_MASK since Linux 5.17; older headers lack it. A kernel without it lists every flow.
constexpr uint16_t kStatusMask = 26;

// Default of nf_conntrack_udp_timeout_stream.
constexpr uint64_t kRememberedByDefaultSeconds = 120;

struct Question {
  nfgenmsg head{AF_UNSPEC, NFNETLINK_V0, 0};
  nlattr status{NLA_HDRLEN + sizeof(uint32_t), CTA_STATUS};
  uint32_t status_bits;
  nlattr mask{NLA_HDRLEN + sizeof(uint32_t), kStatusMask};
  uint32_t mask_bits;
};

// Attribute types of one end of a tuple: its source or its destination.
struct End {
  int ipv4;
  int ipv6;
  int port;
};
constexpr End kSource{CTA_IP_V4_SRC, CTA_IP_V6_SRC, CTA_PROTO_SRC_PORT};
constexpr End kDestination{CTA_IP_V4_DST, CTA_IP_V6_DST, CTA_PROTO_DST_PORT};

bool IsOf(const HostSocket& socket, Attributes tuple, const End& end) {
  const Attributes ip = tuple.Find(CTA_TUPLE_IP).Find(socket.is_ipv4 ? end.ipv4 : end.ipv6);
  const Attributes port = tuple.Find(CTA_TUPLE_PROTO).Find(end.port);
  const size_t ip_bytes = socket.is_ipv4 ? 4 : 16;
  if (ip.length < ip_bytes || port.length < sizeof(uint16_t)) return false;
  const uint16_t number = static_cast<uint16_t>(port.data[0] << 8 | port.data[1]);
  const auto is_ours = [&](const IpAddress& each) {
    return std::memcmp(each.bytes.data() + 16 - ip_bytes, ip.data, ip_bytes) == 0;
  };
  return socket.HasPort(number, number) &&
         std::any_of(socket.ips.begin(), socket.ips.end(), is_ours);
}

// The socket may be any of the four ends, depending on which side started the flow and on what was
// translated.
bool IsOf(const HostSocket& socket, const Attributes& flow) {
  for (const int direction : {CTA_TUPLE_ORIG, CTA_TUPLE_REPLY}) {
    const Attributes tuple = flow.Find(direction);
    const Attributes protocol = tuple.Find(CTA_TUPLE_PROTO).Find(CTA_PROTO_NUM);
    if (protocol.length < 1 || protocol.data[0] != IPPROTO_UDP) return false;
    if (IsOf(socket, tuple, kSource) || IsOf(socket, tuple, kDestination)) return true;
  }
  return false;
}

}  // namespace

DumpResult LookAtConntrack(NetlinkDump* netlink, const HostScope& scope, Findings* findings) {
  for (const uint32_t translated : {IPS_SRC_NAT, IPS_DST_NAT}) {
    Question question;
    question.status_bits = question.mask_bits = htonl(translated);
    uint64_t sockets = 0;
    const DumpResult result = netlink->List(
        NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, &question, sizeof(question),
        [&] { sockets = 0; },
        [&](const nlmsghdr* header) {
          const Attributes flow = AttributesOf(header, sizeof(nfgenmsg));
          if ((flow.Find(CTA_STATUS).Be32() & translated) == 0) return;
          for (const HostSocket& socket : scope.sockets) {
            if (IsOf(socket, flow)) sockets |= socket.bit();
          }
        });
    if (result != DumpResult::kOk) return result;
    if (sockets == 0) continue;
    AddFinding(findings,
               Finding{FindingKind::kNat, "translations that conntrack remembers", sockets, {}});
  }
  return DumpResult::kOk;
}

uint64_t TranslationsRememberedNs() {
  std::ifstream file("/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream");
  uint64_t seconds = 0;
  file >> seconds;
  return (file.fail() ? kRememberedByDefaultSeconds : seconds) * kNsPerSecond;
}

}  // namespace turnpike
