// Matches and targets of iptables (x_tables), which nftables can carry too: the effect of each on a
// datagram, by name.
#pragma once

#include <cstdint>
#include <string>

#include "xdp/host/packet_model.h"

namespace turnpike {

// The effect of a rule on a packet that it matches.
struct RuleEffect {
  enum class Weight { kNone, kFilters, kTouches };
  Weight weight = Weight::kNone;
  FindingKind kind = FindingKind::kFilter;
  std::string name;

  // Keeps the stronger effect.
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

// The destination of a translation, as far as the rule states it.
struct Translation {
  bool has_ip = false;
  bool has_port = false;
  uint8_t ip_min[16] = {};
  uint8_t ip_max[16] = {};
  uint16_t port_min = 0;
  uint16_t port_max = 0;

  // Whether the destination may be the socket.
  bool MayReach(const HostSocket& socket) const;
};

// Whether a match may hold. Only matches on UDP ports are evaluated; any other may hold.
bool XtMatchMayHold(const std::string& name, const uint8_t* data, size_t length,
                    const PacketModel& model);

RuleEffect XtTargetEffect(const std::string& name);

// Whether a target translates the destination; if so, sets `translation`.
bool XtTranslation(const std::string& name, const uint8_t* data, size_t length,
                   Translation* translation);

}  // namespace turnpike
