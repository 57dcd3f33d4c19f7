#include "xdp/host/routing_rules.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

namespace turnpike {

namespace {

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
};

struct RoutingRule {
  bool is_ipv4 = true;
  bool is_inverted = false;
  // Delivers to local addresses without any other selector.
  bool is_local = false;
  uint32_t priority = 0;
  bool by_mark = false;
  // By a selector that a route query cannot contain.
  bool by_other = false;
  uint8_t protocol = 0;
  uint8_t source_bits = 0;
  uint8_t destination_bits = 0;
  std::vector<uint8_t> source;
  std::vector<uint8_t> destination;
  std::string device_in;
  bool has_ports = false;
  PortRange source_ports{0, 0xffff};
  PortRange destination_ports{0, 0xffff};
};

PortRange ReadPorts(const Attributes& payload) {
  PortRange range;
  if (payload.length >= sizeof(range)) std::memcpy(&range, payload.data, sizeof(range));
  return range;
}

RoutingRule ReadRule(const nlmsghdr* header) {
  fib_rule_hdr body;
  std::memcpy(&body, NLMSG_DATA(header), sizeof(body));
  RoutingRule rule;
  rule.is_ipv4 = body.family == AF_INET;
  rule.is_inverted = (body.flags & FIB_RULE_INVERT) != 0;
  rule.source_bits = body.src_len;
  rule.destination_bits = body.dst_len;
  uint32_t table = body.table;
  bool selects = body.src_len != 0 || body.dst_len != 0 || body.tos != 0;
  AttributesOf(header, sizeof(body)).ForEach([&](int type, const Attributes& payload) {
    switch (type) {
      case FRA_PRIORITY:
        rule.priority = payload.Word();
        return;
      case FRA_TABLE:
        table = payload.Word();
        return;
      case FRA_SRC:
        rule.source.assign(payload.data, payload.data + payload.length);
        return;
      case FRA_DST:
        rule.destination.assign(payload.data, payload.data + payload.length);
        return;
      case FRA_FWMARK:
        // A rule matches on a mark if its mark or its mask is not 0.
        rule.by_mark = rule.by_mark || payload.Word() != 0;
        return;
      case FRA_FWMASK:
        rule.by_mark = rule.by_mark || payload.Word() != 0;
        return;
      case FRA_IIFNAME:
        rule.device_in = payload.Text();
        return;
      case FRA_IP_PROTO:
        if (payload.length > 0) rule.protocol = payload.data[0];
        return;
      case FRA_SPORT_RANGE:
        rule.has_ports = true;
        rule.source_ports = ReadPorts(payload);
        return;
      case FRA_DPORT_RANGE:
        rule.has_ports = true;
        rule.destination_ports = ReadPorts(payload);
        return;
      // Sockets are not bound to a device, and devices of a VRF are found as such. The route query
      // runs as the same user.
      case FRA_L3MDEV:
      case FRA_OIFNAME:
      case FRA_UID_RANGE:
        selects = true;
        return;
      case FRA_SUPPRESS_IFGROUP:
      case FRA_SUPPRESS_PREFIXLEN:
      case FRA_PROTOCOL:
      case FRA_FLOW:
      case FRA_GOTO:
      case FRA_PAD:
        return;
      default:
        rule.by_other = true;
    }
  });
  selects = selects || rule.by_mark || rule.by_other || rule.has_ports || rule.protocol != 0 ||
            !rule.device_in.empty() || rule.is_inverted;
  rule.is_local = body.action == FR_ACT_TO_TBL && table == RT_TABLE_LOCAL && !selects;
  return rule;
}

bool MayBeIn(const HostSocket& socket, const std::vector<uint8_t>& prefix, uint8_t bits) {
  const size_t skipped = socket.is_ipv4 ? 12 : 0;
  for (const IpAddress& ip : socket.ips) {
    bool differs = false;
    for (size_t i = 0; i < bits && i / 8 < prefix.size(); ++i) {
      const int bit = 0x80 >> i % 8;
      differs = differs || (ip.bytes[skipped + i / 8] & bit) != (prefix[i / 8] & bit);
    }
    if (!differs) return true;
  }
  return false;
}

bool MayBeIn(const HostSocket& socket, const PortRange& range) {
  return socket.HasPort(range.first, range.last);
}

// Whether the rule may route a packet to the socket before it is delivered locally.
bool MayTakeIncoming(const RoutingRule& rule, uint32_t local_priority, const HostSocket& socket,
                     const HostScope& scope) {
  if (rule.is_local || rule.priority > local_priority) return false;
  if (rule.is_inverted) return true;
  const bool comes_in = rule.device_in.empty() ||
                        std::any_of(scope.devices.begin(), scope.devices.end(),
                                    [&](const auto& each) { return each.name == rule.device_in; });
  return comes_in && MayBeIn(socket, rule.destination, rule.destination_bits) &&
         MayBeIn(socket, rule.destination_ports);
}

// Whether the rule may route a packet of the socket differently from a route query.
bool MayTakeOutgoing(const RoutingRule& rule, const HostSocket& socket) {
  if (!rule.by_mark && !rule.by_other && !rule.has_ports) return false;
  if (rule.is_inverted) return true;
  // Rules see locally sent packets as coming from the loopback device.
  if (!rule.device_in.empty() && rule.device_in != "lo") return false;
  return MayBeIn(socket, rule.source, rule.source_bits) && MayBeIn(socket, rule.source_ports);
}

}  // namespace

DumpResult LookAtRoutingRules(NetlinkDump* netlink, const HostScope& scope, Findings* findings) {
  std::vector<RoutingRule> rules;
  fib_rule_hdr all{};
  all.family = AF_UNSPEC;
  const DumpResult result = netlink->List(
      RTM_GETRULE, &all, sizeof(all), [&] { rules.clear(); },
      [&](const nlmsghdr* header) {
        const auto* body = static_cast<const fib_rule_hdr*>(NLMSG_DATA(header));
        if (header->nlmsg_type != RTM_NEWRULE || header->nlmsg_len < NLMSG_LENGTH(sizeof(*body))) {
          return;
        }
        if (body->family == AF_INET || body->family == AF_INET6) rules.push_back(ReadRule(header));
      });
  if (result != DumpResult::kOk) return result;
  for (const HostSocket& socket : scope.sockets) {
    uint32_t local_priority = ~0u;
    for (const RoutingRule& rule : rules) {
      if (rule.is_local && rule.is_ipv4 == socket.is_ipv4) {
        local_priority = std::min(local_priority, rule.priority);
      }
    }
    for (const RoutingRule& rule : rules) {
      if (rule.is_ipv4 != socket.is_ipv4) continue;
      if (!rule.is_inverted && rule.protocol != 0 && rule.protocol != IPPROTO_UDP) continue;
      if (!MayTakeIncoming(rule, local_priority, socket, scope) && !MayTakeOutgoing(rule, socket)) {
        continue;
      }
      AddFinding(findings, Finding{FindingKind::kRule,
                                   std::string("routing rule ") + std::to_string(rule.priority) +
                                       (rule.by_mark     ? ", by mark"
                                        : rule.has_ports ? ", by port"
                                                         : "") +
                                       (rule.is_ipv4 ? " (ip rule)" : " (ip -6 rule)"),
                                   socket.bit(),
                                   {}});
    }
  }
  return result;
}

DumpResult LookAtRefusingRoutes(NetlinkDump* netlink, const HostScope& scope, Findings* findings) {
  for (const bool is_ipv4 : {true, false}) {
    if (scope.SocketsOf(is_ipv4) == 0) continue;
    for (const uint8_t type : {RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT}) {
      rtmsg question{};
      question.rtm_family = is_ipv4 ? AF_INET : AF_INET6;
      question.rtm_type = type;
      bool found = false;
      const DumpResult result = netlink->List(
          RTM_GETROUTE, &question, sizeof(question), [&] { found = false; },
          [&](const nlmsghdr* header) {
            if (header->nlmsg_type != RTM_NEWROUTE) return;
            found = found || static_cast<const rtmsg*>(NLMSG_DATA(header))->rtm_type == type;
          });
      if (result == DumpResult::kRefused) return result;
      if (!found) continue;
      const char* name = type == RTN_BLACKHOLE  ? "blackhole"
                         : type == RTN_PROHIBIT ? "prohibit"
                                                : "unreachable";
      AddFinding(findings, Finding{FindingKind::kFilter,
                                   std::string("a route that is ") + name,
                                   scope.SocketsOf(is_ipv4),
                                   {}});
    }
  }
  return DumpResult::kOk;
}

void LookAtOwnAddresses(NetlinkDump* netlink, const HostScope& scope, Findings* findings) {
  for (const HostSocket& socket : scope.sockets) {
    if (socket.is_wildcard || socket.ips.empty()) continue;
    struct {
      rtmsg body{};
      rtattr attribute{};
      uint8_t ip[16] = {};
    } question;
    const size_t bytes = socket.is_ipv4 ? 4 : 16;
    question.body.rtm_family = socket.is_ipv4 ? AF_INET : AF_INET6;
    question.body.rtm_dst_len = static_cast<uint8_t>(8 * bytes);
    question.attribute.rta_type = RTA_DST;
    question.attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(bytes));
    std::memcpy(question.ip, socket.ips[0].bytes.data() + 16 - bytes, bytes);
    bool is_local = false;
    const size_t length = sizeof(question.body) + RTA_LENGTH(bytes);
    netlink->Ask(RTM_GETROUTE, &question, length, [&](const nlmsghdr* header) {
      is_local = static_cast<const rtmsg*>(NLMSG_DATA(header))->rtm_type == RTN_LOCAL;
    });
    if (is_local) continue;
    AddFinding(
        findings,
        Finding{FindingKind::kAddress, "its address is none of this host's now", socket.bit(), {}});
  }
}

}  // namespace turnpike
