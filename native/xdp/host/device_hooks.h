// What happens to a packet at a device, between its driver and the stack.
#pragma once

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Adds devices that belong to another (a bridge, a bond, a VRF) or have traffic control that may
// change or redirect packets; and as filters those whose queueing discipline limits.
DumpResult LookAtDevices(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

}  // namespace turnpike
