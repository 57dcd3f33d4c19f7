// Network devices as the system describes them now.
#pragma once

#include <string>
#include <vector>

#include "xdp/next_hops.h"

namespace turnpike {

// False when there is no such device, or it is no Ethernet.
bool ReadDevice(const std::string& name, Device* device);

// The addresses of all devices, but for link-local ones.
std::vector<IpAddress> LocalAddresses();

}  // namespace turnpike
