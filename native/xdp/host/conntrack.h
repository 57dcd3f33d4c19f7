// Translations that conntrack remembers. They outlast the rules that made them: a flow that has one
// keeps it for as long as its packets pass the stack.
#pragma once

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Adds the sockets whose packets are translated, of a list as netlink has it.
DumpResult LookAtConntrack(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

// For how long conntrack remembers a flow that has no packets, in nanoseconds.
uint64_t TranslationsRememberedNs();

}  // namespace turnpike
