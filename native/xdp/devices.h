// Network devices as the system describes them now.
#pragma once

#include <string>
#include <vector>

#include "xdp/next_hops.h"

namespace turnpike {

// False when there is no such device, or it is no Ethernet.
bool ReadDevice(const std::string& name, Device* device);

// The addresses that packets to this host may have that come in by these devices: their own, and
// those of devices without a network behind them, such as the loopback device. None is link-local
// or of 127.0.0.0/8.
std::vector<IpAddress> LocalAddresses(const std::vector<std::string>& devices);

}  // namespace turnpike
