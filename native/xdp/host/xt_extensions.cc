#include "xdp/host/xt_extensions.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <algorithm>
#include <cstring>

namespace turnpike {

namespace {

bool Is(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* each) { return name == each; });
}

}  // namespace

bool Translation::MayReach(const HostSocket& socket) const {
  const size_t bytes = socket.is_ipv4 ? 4 : 16;
  bool ip = !has_ip;
  for (const IpAddress& own : socket.ips) {
    const uint8_t* data = own.bytes.data() + 16 - bytes;
    ip = ip || (std::memcmp(data, ip_min, bytes) >= 0 && std::memcmp(data, ip_max, bytes) <= 0);
  }
  return ip && (!has_port || socket.HasPort(port_min, port_max));
}

bool XtMatchMayHold(const std::string& name, const uint8_t* data, size_t length,
                    const PacketModel& model) {
  if (name != "udp" || length < sizeof(xt_udp) || !model.end_known) return true;
  if (model.socket.has_all_ports) return true;
  xt_udp udp;
  std::memcpy(&udp, data, sizeof(udp));
  const uint16_t* range = model.inward ? udp.dpts : udp.spts;
  const uint8_t inverted = model.inward ? XT_UDP_INV_DSTPT : XT_UDP_INV_SRCPT;
  for (const uint16_t port : model.socket.ports) {
    const bool inside = port >= range[0] && port <= range[1];
    if (inside != ((udp.invflags & inverted) != 0)) return true;
  }
  return false;
}

RuleEffect XtTargetEffect(const std::string& name) {
  if (Is(name, {"DNAT", "SNAT", "MASQUERADE", "NETMAP", "SNPT", "DNPT", "SAME"})) {
    return Touches(FindingKind::kNat, name);
  }
  if (Is(name, {"REDIRECT", "TPROXY", "TEE", "NFQUEUE", "QUEUE", "CLUSTERIP", "ROUTE"})) {
    return Touches(FindingKind::kRedirect, name);
  }
  if (Is(name, {"REJECT", "DROP"})) return Filters(name);
  // These targets do not write to datagrams. A mark has an effect only through policy routing
  // rules, which are checked there.
  if (Is(name, {"LOG",       "NFLOG",       "ULOG",        "CT",       "NOTRACK", "TCPMSS",
                "TRACE",     "CONNSECMARK", "SECMARK",     "AUDIT",    "RATEEST", "LED",
                "IDLETIMER", "CLASSIFY",    "TCPOPTSTRIP", "SYNPROXY", "MARK",    "CONNMARK",
                "HMARK",     "SET",         "CHECKSUM",    "ACCEPT",   ""})) {
    return RuleEffect{};
  }
  return Touches(FindingKind::kMangle, name);
}

bool XtTranslation(const std::string& name, const uint8_t* data, size_t length,
                   Translation* translation) {
  if (!Is(name, {"DNAT", "REDIRECT", "TPROXY", "NETMAP", "DNPT"})) return false;
  if (!Is(name, {"DNAT", "REDIRECT"})) return true;
  uint32_t flags = 0;
  if (length >= sizeof(nf_nat_range)) {
    nf_nat_range range;
    std::memcpy(&range, data, sizeof(range));
    flags = range.flags;
    std::memcpy(translation->ip_min, &range.min_addr, 16);
    std::memcpy(translation->ip_max, &range.max_addr, 16);
    translation->port_min = ntohs(range.min_proto.all);
    translation->port_max = ntohs(range.max_proto.all);
  } else if (length >= sizeof(nf_nat_ipv4_multi_range_compat)) {
    nf_nat_ipv4_multi_range_compat ranges;
    std::memcpy(&ranges, data, sizeof(ranges));
    if (ranges.rangesize != 1) return true;
    flags = ranges.range[0].flags;
    std::memcpy(translation->ip_min, &ranges.range[0].min_ip, 4);
    std::memcpy(translation->ip_max, &ranges.range[0].max_ip, 4);
    translation->port_min = ntohs(ranges.range[0].min.all);
    translation->port_max = ntohs(ranges.range[0].max.all);
  }
  translation->has_ip = (flags & NF_NAT_RANGE_MAP_IPS) != 0;
  translation->has_port = (flags & NF_NAT_RANGE_PROTO_SPECIFIED) != 0;
  return true;
}

}  // namespace turnpike
