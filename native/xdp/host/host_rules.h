// Follows the host configuration that may change, redirect or drop packets of the sockets. Reads it
// after a netlink notification, and once per second where no notification exists.
//
// Not thread-safe.
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
  // Subscribes to notifications of the calling thread's network namespace. Subscribes to routes
  // only if filters count, because some hosts have very many routes.
  void Open(bool filters_count);

  // Descriptors that are readable when a notification waits; negative ones are unused.
  std::array<int, 4> event_fds() const;

  // Reads notifications and the configuration that is due. Returns true if the findings changed.
  bool Look(const HostScope& scope, uint64_t monotonic_ns);

  // The findings of all sources.
  const Findings& findings() const { return all_; }

 private:
  enum Source {
    kNft,
    kXfrm,
    kRouting,
    kRoutes,
    kDevices,
    kLegacy,
    kOther,
    kTranslations,
    kSources
  };

  // Reads one source. Returns true if its findings changed.
  bool LookAt(Source source, const HostScope& scope);
  // When NAT rules are removed, their sockets stay left out while conntrack remembers flows.
  void OnRulesGone(const Findings& before, const Findings& now);
  bool AreTranslationsDue() const;
  void LookAtRemembered(const HostScope& scope, Findings* findings);

  NetlinkDump netfilter_;
  NetlinkDump xfrm_;
  NetlinkDump routing_;
  NetlinkDump routes_;
  NftRuleset nft_;
  XtTables legacy_;
  std::array<RefreshThrottle, kSources> paces_;
  std::array<Findings, kSources> found_;
  Findings all_;
  HostScope scope_;
  uint64_t next_slow_look_ns_ = 0;
  uint64_t now_ns_ = 0;
  // When conntrack is read next: at start, after rules are removed, and periodically while entries
  // exist.
  uint64_t next_translations_look_ns_ = 0;
  // Findings kept if conntrack cannot be read, and until when.
  Findings gone_;
  uint64_t gone_until_ns_ = 0;
};

}  // namespace turnpike
