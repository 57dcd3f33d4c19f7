// Follows what on this host would change, redirect or drop packets of the sockets: looks when the
// kernel tells of a change, and once a second for what makes no news.
//
// One thread at a time.
#pragma once

#include <array>
#include <cstdint>

#include "xdp/host/findings.h"
#include "xdp/host/netlink_dump.h"
#include "xdp/host/nft_ruleset.h"
#include "xdp/host/xt_tables.h"
#include "xdp/refresh_throttle.h"

namespace turnpike {

class HostRules {
 public:
  // Listens for news, of the namespace that the calling thread is in; of routes only where filters
  // count, as some hosts have very many.
  void Open(bool filters_count);

  // Descriptors that are readable when there is news; negative ones are none.
  std::array<int, 4> event_fds() const;

  // Takes news, and looks where it is time to. True where the findings are others than before.
  bool Look(const HostScope& scope, uint64_t monotonic_ns);

  // Every place that was looked at.
  const Findings& findings() const { return all_; }

 private:
  enum Place { kNft, kXfrm, kRouting, kRoutes, kDevices, kLegacy, kOther, kTranslations, kPlaces };

  // One place. True if its findings changed.
  bool LookAt(Place place, const HostScope& scope);
  // Where rules that may translate are gone, their sockets stay out while conntrack remembers.
  void OnRulesGone(const Findings& before, const Findings& now);
  bool AreTranslationsDue() const;
  void LookAtRemembered(const HostScope& scope, Findings* findings);

  NetlinkDump netfilter_;
  NetlinkDump xfrm_;
  NetlinkDump routing_;
  NetlinkDump routes_;
  NftRuleset nft_;
  XtTables legacy_;
  std::array<RefreshThrottle, kPlaces> paces_;
  std::array<Findings, kPlaces> found_;
  Findings all_;
  HostScope scope_;
  uint64_t next_slow_look_ns_ = 0;
  uint64_t now_ns_ = 0;
  // Conntrack is asked at the start, when rules go, and again and again while it remembers.
  uint64_t next_translations_look_ns_ = 0;
  // What stays out where conntrack cannot be asked, and until when.
  Findings gone_;
  uint64_t gone_until_ns_ = 0;
};

}  // namespace turnpike
