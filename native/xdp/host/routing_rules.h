// Rules of policy routing (`ip rule`) that the answers of the kernel about routes do not show.
#pragma once

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Adds rules by which packets of the sockets may go elsewhere than the kernel says when it is asked
// about their route by source, destination, protocol and user: those that ask for a mark or ports,
// and those before the rule that delivers to this host.
DumpResult LookAtRoutingRules(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

// Adds as filters routes that refuse: where they lead to the kernel says when it is asked, but what
// comes from there it may drop. `netlink` filters its lists.
DumpResult LookAtRefusingRoutes(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

// Adds sockets whose address is none of this host's any more: the kernel delivers nothing to them.
void LookAtOwnAddresses(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

}  // namespace turnpike
