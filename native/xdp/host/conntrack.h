// NAT entries in conntrack. They outlive the rules that made them: a flow keeps its translation as
// long as its packets pass the stack.
#pragma once

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Adds the sockets whose packets are translated, from conntrack's netlink dump.
DumpResult LookAtConntrack(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

// Returns the time in ns after which conntrack forgets an idle flow.
uint64_t TranslationsRememberedNs();

}  // namespace turnpike
