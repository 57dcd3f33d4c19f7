// The nftables ruleset, including rules of iptables-nft, as listed by netlink.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"
#include "xdp/host/nft_rule.h"

namespace turnpike {

class NftRuleset {
 public:
  // Reads the complete ruleset.
  DumpResult Read(NetlinkDump* netlink);

  // Returns what its rules may do to the sockets' packets. Only a comparison that cannot hold
  // excludes a rule; the order of rules and earlier verdicts are ignored.
  Findings Look(const HostScope& scope) const;

 private:
  struct Chain {
    uint8_t family = 0;
    std::string table;
    std::string name;
    bool is_base = false;
    bool drops = false;
    uint32_t hook = 0;
    // Devices of a chain of family netdev or hook ingress.
    std::vector<std::string> devices;
    // Attributes of the rules in netlink format.
    std::vector<std::vector<uint8_t>> rules;

    std::string Describe() const;
  };

  DumpResult ReadChains(NetlinkDump* netlink);
  DumpResult ReadRules(NetlinkDump* netlink);
  Chain* Find(uint8_t family, const std::string& table, const std::string& name);
  const Chain* Find(const Chain& from, const std::string& name) const;
  bool IsMet(const Chain& base, const HostScope& scope, bool is_ipv4, bool* inward) const;
  void Walk(const Chain& chain, const PacketModel& model, std::set<const Chain*>* walked,
            Findings* findings) const;
  void LookForTranslations(const Chain& chain, const PacketModel& model, Findings* findings) const;

  std::vector<Chain> chains_;
};

}  // namespace turnpike
