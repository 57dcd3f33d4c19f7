// What may affect a packet between a device's driver and the stack.
#pragma once

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Adds devices with a master (bridge, bond, VRF) or with traffic control that may change or
// redirect packets. Adds devices with a limiting queueing discipline as filters.
DumpResult LookAtDevices(NetlinkDump* netlink, const HostScope& scope, Findings* findings);

}  // namespace turnpike
