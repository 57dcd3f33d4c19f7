// What on this host would change, redirect or drop packets of the data plane's sockets, as far as a
// look at the host's own configuration can tell.
//
// Whatever is not understood for certain counts as something that may touch a packet: a socket that
// is left out of the fast path for nothing is slow, one that is not left out is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "table/five_tuple.h"

namespace turnpike {

// A socket of the data plane with all that its packets may carry as our end of them.
struct HostSocket {
  // Its bit is 1 << number.
  uint16_t number = 0;
  bool is_ipv4 = true;
  bool is_wildcard = false;
  // The one it is bound to, or where that is a wildcard those that the fast path knows.
  std::vector<IpAddress> ips;
  std::vector<uint16_t> ports;

  bool operator==(const HostSocket& other) const = default;
};

// The sockets and devices that a look is about.
struct HostScope {
  std::vector<HostSocket> sockets;
  struct Device {
    std::string name;
    uint32_t ifindex = 0;

    bool operator==(const Device& other) const = default;
  };
  std::vector<Device> devices;

  bool operator==(const HostScope& other) const = default;

  uint32_t AllSockets() const {
    uint32_t bits = 0;
    for (const HostSocket& socket : sockets) bits |= 1u << socket.number;
    return bits;
  }
  uint32_t SocketsOf(bool is_ipv4) const {
    uint32_t bits = 0;
    for (const HostSocket& socket : sockets) {
      if (socket.is_ipv4 == is_ipv4) bits |= 1u << socket.number;
    }
    return bits;
  }
};

// X(name, label): kinds of findings; labels are those of a metric.
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
  // For the operator: what it is and where it stands.
  std::string what;
  // The sockets that it may touch, one bit each.
  uint32_t sockets = 0;
  // Or the device whose packets it may touch.
  std::string device;

  bool operator==(const Finding& other) const = default;
};

using Findings = std::vector<Finding>;

// Adds a finding, or its sockets to the one that says the same.
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
