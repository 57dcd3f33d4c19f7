// Matches and targets of iptables (x_tables), which nftables carries as well: what each does to a
// datagram, by its name.
#pragma once

#include <cstdint>
#include <string>

#include "xdp/host/packet_model.h"

namespace turnpike {

// What a rule does to a packet that it matches.
struct RuleEffect {
  enum class Weight { kNone, kFilters, kTouches };
  Weight weight = Weight::kNone;
  FindingKind kind = FindingKind::kFilter;
  std::string name;

  // Keeps the heavier of two.
  void Add(RuleEffect other) {
    if (other.weight > weight) *this = std::move(other);
  }
};

inline RuleEffect Touches(FindingKind kind, std::string name) {
  return RuleEffect{RuleEffect::Weight::kTouches, kind, std::move(name)};
}
inline RuleEffect Filters(std::string name) {
  return RuleEffect{RuleEffect::Weight::kFilters, FindingKind::kFilter, std::move(name)};
}

// Where a translation leads to, as far as the rule says.
struct Translation {
  bool has_ip = false;
  bool has_port = false;
  uint8_t ip_min[16] = {};
  uint8_t ip_max[16] = {};
  uint16_t port_min = 0;
  uint16_t port_max = 0;

  // Whether it may be the socket.
  bool MayReach(const HostSocket& socket) const;
};

// Whether a match may hold. Only those of UDP's ports are known.
bool XtMatchMayHold(const std::string& name, const uint8_t* data, size_t length,
                    const PacketModel& model);

RuleEffect XtTargetEffect(const std::string& name);

// Whether a target translates the destination; then where to.
bool XtTranslation(const std::string& name, const uint8_t* data, size_t length,
                   Translation* translation);

}  // namespace turnpike
