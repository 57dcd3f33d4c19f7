#include "xdp/host/xt_walk.h"

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <algorithm>

namespace turnpike {

namespace {

constexpr uint8_t kUdp = 17;

// The bits that invert a selector are the same in both families.
static_assert(IPT_INV_SRCIP == IP6T_INV_SRCIP && IPT_INV_DSTIP == IP6T_INV_DSTIP);
static_assert(IPT_INV_VIA_IN == IP6T_INV_VIA_IN && IPT_INV_VIA_OUT == IP6T_INV_VIA_OUT);
static_assert(static_cast<int>(XT_INV_PROTO) == static_cast<int>(IP6T_INV_PROTO));

bool MayMatchIp(const std::vector<uint8_t>& ip, const std::vector<uint8_t>& mask, bool inverted,
                const HostSocket& socket) {
  const size_t skipped = socket.is_ipv4 ? 12 : 0;
  for (const IpAddress& own : socket.ips) {
    bool same = true;
    for (size_t i = 0; i < ip.size(); ++i) {
      same = same && (own.bytes[skipped + i] & mask[i]) == ip[i];
    }
    if (same != inverted) return true;
  }
  return false;
}

bool MayMatchDevice(const std::string& name, size_t bytes, bool inverted, const HostScope& scope) {
  return std::any_of(scope.devices.begin(), scope.devices.end(), [&](const auto& device) {
    char own[IFNAMSIZ] = {};
    std::copy_n(device.name.begin(), std::min<size_t>(device.name.size(), IFNAMSIZ - 1), own);
    char other[IFNAMSIZ] = {};
    std::copy_n(name.begin(), std::min<size_t>(name.size(), IFNAMSIZ - 1), other);
    return std::equal(own, own + std::min<size_t>(bytes, IFNAMSIZ), other) != inverted;
  });
}

bool TakesAll(const XtRule& rule) {
  const auto zero = [](const std::vector<uint8_t>& bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
  };
  return rule.protocol == 0 && rule.matches.empty() && rule.device_in_bytes == 0 &&
         rule.device_out_bytes == 0 && zero(rule.source_mask) && zero(rule.destination_mask);
}

}  // namespace

bool MayMatch(const XtRule& rule, const PacketModel& model) {
  const auto inverted = [&rule](int bit) { return (rule.inversions & bit) != 0; };
  if (rule.protocol != 0 && (rule.protocol == kUdp) == inverted(XT_INV_PROTO)) return false;
  if (model.end_known) {
    const HostSocket& socket = model.socket;
    const bool ip =
        model.inward
            ? MayMatchIp(rule.destination, rule.destination_mask, inverted(IPT_INV_DSTIP), socket)
            : MayMatchIp(rule.source, rule.source_mask, inverted(IPT_INV_SRCIP), socket);
    if (!ip) return false;
  }
  const bool device = model.inward ? MayMatchDevice(rule.device_in, rule.device_in_bytes,
                                                    inverted(IPT_INV_VIA_IN), model.scope)
                                   : MayMatchDevice(rule.device_out, rule.device_out_bytes,
                                                    inverted(IPT_INV_VIA_OUT), model.scope);
  return device && std::all_of(rule.matches.begin(), rule.matches.end(), [&](const auto& match) {
           return XtMatchMayHold(match.name, match.data.data(), match.data.size(), model);
         });
}

RuleEffect XtWalk::From(uint32_t offset) {
  RuleEffect effect;
  // A chain ends with an unconditional verdict. Behind it is the next chain's header or first rule.
  for (auto rule = std::lower_bound(rules_.begin(), rules_.end(), offset,
                                    [](const XtRule&each, uint32_t at) { return each.start < at; });
       rule != rules_.end() && rule->target.name != XT_ERROR_TARGET; ++rule) {
    if (!walked_.insert(rule->start).second) return effect;
    if (!MayMatch(*rule, model_)) continue;
    const XtRule::Extension& target = rule->target;
    if (target.name != XT_STANDARD_TARGET) {
      effect.Add(XtTargetEffect(target.name));
      continue;
    }
    int32_t verdict = 0;
    if (target.data.size() >= sizeof(verdict)) {
      std::memcpy(&verdict, target.data.data(), sizeof(verdict));
    }
    if (verdict >= 0) {
      // A verdict that points to the next rule is no jump.
      if (static_cast<uint32_t>(verdict) != rule->next) {
        effect.Add(From(static_cast<uint32_t>(verdict)));
      }
    } else if (-verdict - 1 == NF_DROP) {
      effect.Add(Filters("drop"));
    } else if (-verdict - 1 == NF_QUEUE) {
      effect.Add(Touches(FindingKind::kRedirect, "queue"));
    }
    if (verdict < 0 && TakesAll(*rule)) return effect;
  }
  return effect;
}

}  // namespace turnpike
