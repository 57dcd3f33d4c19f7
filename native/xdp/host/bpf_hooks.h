// Other BPF programs that packets of the sockets pass: on the devices, at socket lookup, and in the
// cgroup of this process.
#pragma once

#include "xdp/host/findings.h"

namespace turnpike {

// Adds a finding for each such program that the kernel reports.
void LookAtBpf(const HostScope& scope, Findings* findings);

}  // namespace turnpike
