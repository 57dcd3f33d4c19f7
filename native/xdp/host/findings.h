// Findings: configuration of this host that may change, redirect or drop packets of the data
// plane's sockets.
//
// Configuration that is not understood counts as a finding. A socket that is left out of the fast
// path without need is slow; one that is not left out would bypass a rule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "table/five_tuple.h"

namespace turnpike {

// A socket of the data plane, with the local addresses and ports that its packets may have; or all
// sockets of a relayed IP address, whose packets may have any port.
struct HostSocket {
  // Below 64.
  uint16_t number = 0;
  bool is_ipv4 = true;
  bool is_wildcard = false;
  // The bound address; for a wildcard, the local addresses that the fast path knows.
  std::vector<IpAddress> ips;
  std::vector<uint16_t> ports;
  bool has_all_ports = false;

  // Represents it in a set of sockets.
  uint64_t bit() const { return uint64_t{1} << number; }
  // Whether it has a port of a range.
  bool HasPort(uint16_t first, uint16_t last) const {
    return has_all_ports || std::any_of(ports.begin(), ports.end(), [&](uint16_t port) {
             return port >= first && port <= last;
           });
  }

  bool operator==(const HostSocket& other) const = default;
};

// The sockets and devices that findings are about.
struct HostScope {
  std::vector<HostSocket> sockets;
  struct Device {
    std::string name;
    uint32_t ifindex = 0;

    bool operator==(const Device& other) const = default;
  };
  std::vector<Device> devices;

  bool operator==(const HostScope& other) const = default;

  uint64_t AllSockets() const {
    uint64_t bits = 0;
    for (const HostSocket& socket : sockets) bits |= socket.bit();
    return bits;
  }
  uint64_t SocketsOf(bool is_ipv4) const {
    uint64_t bits = 0;
    for (const HostSocket& socket : sockets) {
      if (socket.is_ipv4 == is_ipv4) bits |= socket.bit();
    }
    return bits;
  }
};

// X(name, label) for each kind of finding. The labels are those of a metric.
#define TURNPIKE_FINDINGS(X)   \
  X(kNat, "nat")               \
  X(kRedirect, "redirect")     \
  X(kMangle, "mangle")         \
  X(kIpsec, "ipsec")           \
  X(kRule, "routing_rule")     \
  X(kTrafficControl, "tc")     \
  X(kBpf, "bpf")               \
  X(kMaster, "master_device")  \
  X(kAddress, "local_address") \
  X(kFilter, "filter")         \
  X(kUnknown, "unknown")

enum class FindingKind : uint8_t {
#define X(name, label) name,
  TURNPIKE_FINDINGS(X)
#undef X
};

inline const char* LabelOf(FindingKind kind) {
  static constexpr const char* kLabels[] = {
#define X(name, label) label,
      TURNPIKE_FINDINGS(X)
#undef X
  };
  return kLabels[static_cast<size_t>(kind)];
}

struct Finding {
  FindingKind kind = FindingKind::kUnknown;
  // Description for the operator: what was found and where.
  std::string what;
  // The sockets whose packets may be affected, one bit each.
  uint64_t sockets = 0;
  // Or the device whose packets may be affected.
  std::string device;

  bool operator==(const Finding& other) const = default;
};

using Findings = std::vector<Finding>;

// Adds a finding, or adds its sockets to an equal one.
inline void AddFinding(Findings* findings, Finding finding) {
  for (Finding& known : *findings) {
    if (known.kind != finding.kind || known.what != finding.what) continue;
    if (known.device != finding.device) continue;
    known.sockets |= finding.sockets;
    return;
  }
  findings->push_back(std::move(finding));
}

}  // namespace turnpike
