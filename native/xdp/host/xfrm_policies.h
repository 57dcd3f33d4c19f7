// IPsec policies, as listed by `ip xfrm policy`.
#pragma once

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Adds policies that may apply to the sockets' packets, in either direction.
DumpResult LookAtXfrmPolicies(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

}  // namespace turnpike
