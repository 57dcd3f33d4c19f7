// Walks a packet through a table of iptables-legacy.
#pragma once

#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>

#include <set>
#include <vector>

#include "xdp/host/xt_tables.h"

namespace turnpike {

// Whether no selector excludes the packet.
bool MayMatch(const XtRule& rule, const PacketModel& model);

class XtWalk {
 public:
  XtWalk(const std::vector<XtRule>& rules, const PacketModel& model)
      : rules_(rules), model_(model) {}

  // Returns the strongest effect of the chain that begins at an offset, and of the chains that it
  // may jump to.
  RuleEffect From(uint32_t offset);

 private:
  const std::vector<XtRule>& rules_;
  const PacketModel& model_;
  std::set<uint32_t> walked_;
};

}  // namespace turnpike
