#include "xdp/host/nft_ruleset.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>

namespace turnpike {

namespace {

constexpr uint32_t kNetdevIngress = 0;

uint16_t MessageType(int type) { return static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type); }

uint8_t FamilyOf(const nlmsghdr* header) {
  return static_cast<const nfgenmsg*>(NLMSG_DATA(header))->nfgen_family;
}

const char* FamilyName(uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    default:
      return "netdev";
  }
}

}  // namespace

std::string NftRuleset::Chain::Describe() const {
  return std::string(FamilyName(family)) + " " + table + " " + name;
}

DumpResult NftRuleset::Read(NetlinkDump* netlink) {
  const DumpResult chains = ReadChains(netlink);
  return chains == DumpResult::kOk ? ReadRules(netlink) : chains;
}

DumpResult NftRuleset::ReadChains(NetlinkDump* netlink) {
  const nfgenmsg all{AF_UNSPEC, NFNETLINK_V0, 0};
  const auto begin = [this] { chains_.clear(); };
  return netlink->List(MessageType(NFT_MSG_GETCHAIN), &all, sizeof(all), begin,
                       [this](const nlmsghdr* header) {
                         const Attributes attributes = AttributesOf(header, sizeof(nfgenmsg));
                         Chain chain;
                         chain.family = FamilyOf(header);
                         chain.table = attributes.Find(NFTA_CHAIN_TABLE).Text();
                         chain.name = attributes.Find(NFTA_CHAIN_NAME).Text();
                         const Attributes hook = attributes.Find(NFTA_CHAIN_HOOK);
                         chain.is_base = hook.present();
                         chain.hook = hook.Find(NFTA_HOOK_HOOKNUM).Be32();
                         const Attributes policy = attributes.Find(NFTA_CHAIN_POLICY);
                         chain.drops = policy.present() && policy.Be32() == NF_DROP;
                         const Attributes device = hook.Find(NFTA_HOOK_DEV);
                         if (device.present()) chain.devices.push_back(device.Text());
                         hook.Find(NFTA_HOOK_DEVS).ForEach([&](int, const Attributes& each) {
                           chain.devices.push_back(each.Text());
                         });
                         chains_.push_back(std::move(chain));
                       });
}

DumpResult NftRuleset::ReadRules(NetlinkDump* netlink) {
  const nfgenmsg all{AF_UNSPEC, NFNETLINK_V0, 0};
  const auto begin = [this] {
    for (Chain& chain : chains_) chain.rules.clear();
  };
  bool strange = false;
  const DumpResult result = netlink->List(
      MessageType(NFT_MSG_GETRULE), &all, sizeof(all), begin, [&](const nlmsghdr* header) {
        const Attributes attributes = AttributesOf(header, sizeof(nfgenmsg));
        Chain* chain = Find(FamilyOf(header), attributes.Find(NFTA_RULE_TABLE).Text(),
                            attributes.Find(NFTA_RULE_CHAIN).Text());
        if (chain == nullptr) {
          // The chain was added after the chains were read; its notification follows.
          strange = true;
          return;
        }
        chain->rules.emplace_back(attributes.data, attributes.data + attributes.length);
      });
  return strange && result == DumpResult::kOk ? DumpResult::kRefused : result;
}

NftRuleset::Chain* NftRuleset::Find(uint8_t family, const std::string& table,
                                    const std::string& name) {
  for (Chain& chain : chains_) {
    if (chain.family == family && chain.name == name && chain.table == table) return &chain;
  }
  return nullptr;
}

const NftRuleset::Chain* NftRuleset::Find(const Chain& from, const std::string& name) const {
  for (const Chain& chain : chains_) {
    if (chain.family == from.family && chain.name == name && chain.table == from.table) {
      return &chain;
    }
  }
  return nullptr;
}

// Whether packets of the given devices and family pass a base chain; `inward` tells the direction.
// Forwarded packets are not the sockets' packets.
bool NftRuleset::IsMet(const Chain& base, const HostScope& scope, bool is_ipv4,
                       bool* inward) const {
  const auto ours = [&](const std::string& name) {
    return std::any_of(scope.devices.begin(), scope.devices.end(),
                       [&](const HostScope::Device& device) { return device.name == name; });
  };
  // A name that ends in an asterisk matches many devices.
  const bool on_ours =
      base.devices.empty() ||
      std::any_of(base.devices.begin(), base.devices.end(), [&](const std::string& name) {
        return ours(name) || name.find('*') != std::string::npos;
      });
  if (base.family == NFPROTO_NETDEV) {
    *inward = base.hook == kNetdevIngress;
    return on_ours;
  }
  const bool fits =
      base.family == NFPROTO_INET || base.family == (is_ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
  *inward = base.hook != NF_INET_LOCAL_OUT && base.hook != NF_INET_POST_ROUTING;
  return fits && on_ours && base.hook != NF_INET_FORWARD;
}

Findings NftRuleset::Look(const HostScope& scope) const {
  Findings findings;
  for (const HostSocket& socket : scope.sockets) {
    PacketModel model{socket, scope};
    for (const Chain& chain : chains_) {
      const bool translates = chain.family == NFPROTO_INET ||
                              chain.family == (socket.is_ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
      if (translates) LookForTranslations(chain, model, &findings);
      if (!chain.is_base || !IsMet(chain, scope, socket.is_ipv4, &model.inward)) continue;
      if (chain.drops) {
        AddFinding(&findings, Finding{FindingKind::kFilter,
                                      "nftables policy drop of " + chain.Describe(),
                                      socket.bit(),
                                      {}});
      }
      std::set<const Chain*> walked;
      Walk(chain, model, &walked, &findings);
    }
  }
  return findings;
}

void NftRuleset::Walk(const Chain& chain, const PacketModel& model, std::set<const Chain*>* walked,
                      Findings* findings) const {
  if (!walked->insert(&chain).second) return;
  for (const std::vector<uint8_t>& bytes : chain.rules) {
    const NftRule rule(Attributes{bytes.data(), bytes.size()}, model);
    if (rule.effect().weight != RuleEffect::Weight::kNone) {
      AddFinding(findings, Finding{rule.effect().kind,
                                   "nftables " + rule.effect().name + " in " + chain.Describe(),
                                   model.socket.bit(),
                                   {}});
    }
    for (const std::string& name : rule.jumps()) {
      const Chain* next = Find(chain, name);
      if (next != nullptr) Walk(*next, model, walked, findings);
    }
    if (!rule.jumps_anywhere()) continue;
    for (const Chain& next : chains_) {
      const bool same = next.family == chain.family && next.table == chain.table;
      if (same && !next.is_base) Walk(next, model, walked, findings);
    }
  }
}

// Finds rules that may translate another destination to the socket's address, and its responses
// back.
void NftRuleset::LookForTranslations(const Chain& chain, const PacketModel& model,
                                     Findings* findings) const {
  PacketModel anyone{model.socket, model.scope};
  anyone.end_known = false;
  for (const std::vector<uint8_t>& bytes : chain.rules) {
    const NftRule rule(Attributes{bytes.data(), bytes.size()}, anyone);
    if (!rule.may_translate_to_socket()) continue;
    AddFinding(findings, Finding{rule.effect().kind,
                                 "nftables " + rule.effect().name + " in " + chain.Describe(),
                                 model.socket.bit(),
                                 {}});
  }
}

}  // namespace turnpike
