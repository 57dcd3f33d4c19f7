// IPsec: the policies that a packet must satisfy, as `ip xfrm policy` lists them.
#pragma once

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Adds those that may ask something of the sockets' packets, in either direction.
DumpResult LookAtXfrmPolicies(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

}  // namespace turnpike
