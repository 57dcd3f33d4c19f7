// Configuration that the kernel reports only in /proc.
#pragma once

#include <istream>

#include "xdp/host/findings.h"

namespace turnpike {

// Adds IPVS virtual services on the sockets' addresses. `text` is the content of /proc/net/ip_vs.
void LookAtIpvs(std::istream& text, const HostScope& scope, Findings* findings);

// Reads this host's files: IPVS, and reverse path filtering in strict mode (RFC 3704), which may
// drop packets.
void LookAtProcFiles(const HostScope& scope, Findings* findings);

}  // namespace turnpike
