// The way of a packet through a table of iptables-legacy.
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

  // The heaviest effect of a chain that begins at an offset, and of those that it may go on in.
  RuleEffect From(uint32_t offset);

 private:
  const std::vector<XtRule>& rules_;
  const PacketModel& model_;
  std::set<uint32_t> walked_;
};

}  // namespace turnpike
