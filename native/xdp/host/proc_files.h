// What the kernel tells of packets' ways only in files of /proc.
#pragma once

#include <istream>

#include "xdp/host/findings.h"

namespace turnpike {

// Adds virtual services of IPVS that are the sockets' addresses. Takes the text of /proc/net/ip_vs.
void LookAtIpvs(std::istream& text, const HostScope& scope, Findings* findings);

// The same of this host, and what strict reverse path filtering (RFC 3704) may drop.
void LookAtProcFiles(const HostScope& scope, Findings* findings);

}  // namespace turnpike
