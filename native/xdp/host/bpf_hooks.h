// BPF programs of others that packets of the sockets pass: at the devices, in front of the sockets
// and in the control group of this process.
#pragma once

#include "xdp/host/findings.h"

namespace turnpike {

// Adds them, as far as the kernel tells.
void LookAtBpf(const HostScope& scope, Findings* findings);

}  // namespace turnpike
