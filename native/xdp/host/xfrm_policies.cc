#include "xdp/host/xfrm_policies.h"

#include <arpa/inet.h>
#include <linux/xfrm.h>
#include <sys/socket.h>

#include <algorithm>

namespace turnpike {

namespace {

// Since Linux 5.15; older headers lack them.
constexpr uint16_t kGetDefault = 0x28;
struct DefaultPolicies {
  uint8_t in;
  uint8_t forward;
  uint8_t out;
};
constexpr uint8_t kBlocks = 1;

// Whether a local address may be in a prefix.
bool MayBeIn(const IpAddress& ip, bool is_ipv4, const xfrm_address_t& prefix, uint8_t bits) {
  const uint8_t* own = ip.bytes.data() + (is_ipv4 ? 12 : 0);
  const auto* bytes = reinterpret_cast<const uint8_t*>(&prefix);
  for (uint8_t i = 0; i < bits; ++i) {
    const int bit = 0x80 >> i % 8;
    if ((own[i / 8] & bit) != (bytes[i / 8] & bit)) return false;
  }
  return true;
}

bool Selects(const xfrm_selector& selector, bool inward, const HostSocket& socket,
             const HostScope& scope) {
  const bool is_ipv4 = socket.is_ipv4;
  if (selector.family != 0 && selector.family != (is_ipv4 ? AF_INET : AF_INET6)) return false;
  if (selector.proto != 0 && selector.proto != IPPROTO_UDP) return false;
  if (selector.ifindex != 0 &&
      std::none_of(scope.devices.begin(), scope.devices.end(), [&](const auto& device) {
        return device.ifindex == static_cast<uint32_t>(selector.ifindex);
      })) {
    return false;
  }
  const xfrm_address_t& prefix = inward ? selector.daddr : selector.saddr;
  const uint8_t bits =
      std::min<uint8_t>(inward ? selector.prefixlen_d : selector.prefixlen_s, is_ipv4 ? 32 : 128);
  const uint16_t port = ntohs(inward ? selector.dport : selector.sport);
  const uint16_t mask = ntohs(inward ? selector.dport_mask : selector.sport_mask);
  const bool ip = std::any_of(socket.ips.begin(), socket.ips.end(), [&](const IpAddress& each) {
    return MayBeIn(each, is_ipv4, prefix, bits);
  });
  const bool is_port = socket.has_all_ports ||
                       std::any_of(socket.ports.begin(), socket.ports.end(),
                                   [&](uint16_t each) { return ((each ^ port) & mask) == 0; });
  return ip && is_port;
}

void LookAtPolicy(const nlmsghdr* header, const HostScope& scope, Findings* findings) {
  xfrm_userpolicy_info policy;
  if (header->nlmsg_len < NLMSG_LENGTH(sizeof(policy))) return;
  std::memcpy(&policy, NLMSG_DATA(header), sizeof(policy));
  const Attributes attributes = AttributesOf(header, sizeof(policy));
  // Other directions are for forwarded packets or for one socket of another program.
  if (policy.dir != XFRM_POLICY_IN && policy.dir != XFRM_POLICY_OUT) return;
  // The policy belongs to an XFRM interface, which packets reach by routing.
  if (attributes.Find(XFRMA_IF_ID).Word() != 0) return;
  // The policy passes packets unchanged.
  if (policy.action == XFRM_POLICY_ALLOW && attributes.Find(XFRMA_TMPL).length == 0) return;
  const bool inward = policy.dir == XFRM_POLICY_IN;
  for (const HostSocket& socket : scope.sockets) {
    if (!Selects(policy.sel, inward, socket, scope)) continue;
    AddFinding(findings, Finding{FindingKind::kIpsec,
                                 std::string("an IPsec policy for what ") +
                                     (inward ? "comes in" : "goes out") + " (ip xfrm policy)",
                                 socket.bit(),
                                 {}});
  }
}

}  // namespace

DumpResult LookAtXfrmPolicies(NetlinkDump* netlink, const HostScope& scope, Findings* findings) {
  const Findings before = *findings;
  xfrm_userpolicy_id all{};
  const DumpResult result = netlink->List(
      XFRM_MSG_GETPOLICY, &all, sizeof(all), [&] { *findings = before; },
      [&](const nlmsghdr* header) { LookAtPolicy(header, scope, findings); });
  if (result != DumpResult::kOk) return result;
  DefaultPolicies defaults{};
  // A kernel that does not support the query has no such defaults.
  netlink->Ask(kGetDefault, &defaults, sizeof(defaults), [&](const nlmsghdr* header) {
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(defaults))) return;
    std::memcpy(&defaults, NLMSG_DATA(header), sizeof(defaults));
    if (defaults.in != kBlocks && defaults.out != kBlocks) return;
    AddFinding(findings, Finding{FindingKind::kIpsec,
                                 "IPsec's default, which blocks (ip xfrm policy getdefault)",
                                 scope.AllSockets(),
                                 {}});
  });
  return result;
}

}  // namespace turnpike
