// Current state of network devices.
#pragma once

#include <string>
#include <vector>

#include "xdp/next_hops.h"

namespace turnpike {

// Reads a device by name. Returns false if it does not exist or is not Ethernet.
bool ReadDevice(const std::string& name, Device* device);

// Returns the local addresses that packets received on these devices may be sent to: the devices'
// own addresses and those of devices without a network, such as loopback. Link-local addresses and
// 127.0.0.0/8 are left out.
std::vector<IpAddress> LocalAddresses(const std::vector<std::string>& devices);

}  // namespace turnpike
