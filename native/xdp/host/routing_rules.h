// Policy routing rules (`ip rule`) that the kernel's answers to route queries do not reflect.
#pragma once

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Adds rules that may route the sockets' packets differently from a route query by source,
// destination, protocol and user: rules that match on a mark or on ports, and rules before the one
// that delivers local packets.
DumpResult LookAtRoutingRules(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

// Adds routes of type unreachable, blackhole or prohibit as filters. Route queries cover packets to
// such a destination; packets from it may be dropped. `netlink` filters its dumps.
DumpResult LookAtRefusingRoutes(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

// Adds sockets whose address no longer belongs to this host. The kernel delivers nothing to them.
void LookAtOwnAddresses(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

}  // namespace turnpike
