#include "xdp/host/host_rules.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>

#include <algorithm>

#include "base/units.h"
#include "xdp/host/bpf_hooks.h"
#include "xdp/host/conntrack.h"
#include "xdp/host/device_hooks.h"
#include "xdp/host/proc_files.h"
#include "xdp/host/routing_rules.h"
#include "xdp/host/xfrm_policies.h"

namespace turnpike {

namespace {

constexpr uint64_t kSlowLookNs = kNsPerSecond;
// Interval between reads of conntrack. Its table may have a million flows, all of which the kernel
// walks.
constexpr uint64_t kTranslationsLookNs = 2 * kNsPerSecond;

bool MayTranslate(const Finding& finding) {
  return finding.kind == FindingKind::kNat || finding.kind == FindingKind::kRedirect;
}

// Whether a finding means, or may mean, that something could not be read.
bool MayBeUnread(const Finding& finding) {
  return finding.kind == FindingKind::kUnknown || finding.kind == FindingKind::kAddress;
}

uint64_t TranslatedSockets(const Findings& findings) {
  uint64_t sockets = 0;
  for (const Finding& finding : findings) {
    if (MayTranslate(finding)) sockets |= finding.sockets;
  }
  return sockets;
}

void AddUnknown(const char* what, const HostScope& scope, Findings* findings) {
  AddFinding(findings, Finding{FindingKind::kUnknown,
                               std::string("this process cannot read ") + what,
                               scope.AllSockets(),
                               {}});
}

}  // namespace

void HostRules::Open(bool filters_count) {
  netfilter_.Open(NETLINK_NETFILTER, {NFNLGRP_NFTABLES});
  xfrm_.Open(NETLINK_XFRM, {XFRMNLGRP_POLICY});
  routing_.Open(NETLINK_ROUTE, {RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_TC, RTNLGRP_LINK,
                                RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR});
  using Groups = std::vector<uint32_t>;
  routes_.Open(NETLINK_ROUTE,
               filters_count ? Groups{RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE} : Groups{});
  routes_.FilterLists();
  // Every source is due at first.
  for (RefreshThrottle& pace : paces_) pace.OnNews();
}

std::array<int, 4> HostRules::event_fds() const {
  return {netfilter_.events_fd(), xfrm_.events_fd(), routing_.events_fd(), routes_.events_fd()};
}

bool HostRules::Look(const HostScope& scope, uint64_t monotonic_ns) {
  now_ns_ = monotonic_ns;
  if (netfilter_.TakeNews()) paces_[kNft].OnNews();
  if (xfrm_.TakeNews()) paces_[kXfrm].OnNews();
  if (routes_.TakeNews()) paces_[kRoutes].OnNews();
  if (routing_.TakeNews()) {
    paces_[kRoutes].OnNews();
    paces_[kRouting].OnNews();
    paces_[kDevices].OnNews();
  }
  if (scope != scope_) {
    scope_ = scope;
    for (RefreshThrottle& pace : paces_) pace.OnNews();
    next_translations_look_ns_ = 0;
  }
  if (monotonic_ns >= next_slow_look_ns_) {
    next_slow_look_ns_ = monotonic_ns + kSlowLookNs;
    paces_[kLegacy].OnNews();
    paces_[kOther].OnNews();
  }
  bool changed = false;
  // Conntrack is last: a change found in another source makes it due at once.
  for (int source = 0; source < kSources; ++source) {
    const bool due = source == kTranslations ? AreTranslationsDue() : paces_[source].Due(now_ns_);
    if (!due) continue;
    changed = LookAt(static_cast<Source>(source), scope) || changed;
  }
  if (!changed) return false;
  all_.clear();
  for (const Findings& findings : found_) all_.insert(all_.end(), findings.begin(), findings.end());
  return true;
}

bool HostRules::LookAt(Source source, const HostScope& scope) {
  Findings findings;
  DumpResult result = DumpResult::kOk;
  const char* what = "";
  switch (source) {
    case kNft:
      what = "nftables";
      result = nft_.Read(&netfilter_);
      if (result == DumpResult::kOk) findings = nft_.Look(scope);
      break;
    case kXfrm:
      what = "IPsec policies";
      result = LookAtXfrmPolicies(&xfrm_, scope, &findings);
      break;
    case kRouting:
      what = "routing rules";
      result = LookAtRoutingRules(&routing_, scope, &findings);
      LookAtOwnAddresses(&routing_, scope, &findings);
      break;
    case kRoutes:
      what = "routes";
      result = LookAtRefusingRoutes(&routes_, scope, &findings);
      break;
    case kDevices:
      what = "traffic control";
      result = LookAtDevices(&routing_, scope, &findings);
      break;
    case kLegacy:
      what = "the tables of iptables-legacy";
      if (!legacy_.Read()) result = DumpResult::kRefused;
      if (result == DumpResult::kOk) findings = legacy_.Look(scope);
      break;
    case kTranslations:
      LookAtRemembered(scope, &findings);
      break;
    default:
      LookAtBpf(scope, &findings);
      LookAtProcFiles(scope, &findings);
  }
  if (result == DumpResult::kRefused) AddUnknown(what, scope, &findings);
  // The cause may be lack of memory, which sends no notification when it ends. The source is read
  // again.
  if (std::any_of(findings.begin(), findings.end(), MayBeUnread)) paces_[source].OnNews();
  if (findings == found_[source]) return false;
  if (source != kTranslations) OnRulesGone(found_[source], findings);
  found_[source] = std::move(findings);
  return true;
}

void HostRules::OnRulesGone(const Findings& before, const Findings& now) {
  if ((TranslatedSockets(before) & ~TranslatedSockets(now)) == 0) return;
  next_translations_look_ns_ = 0;
  gone_until_ns_ = now_ns_ + TranslationsRememberedNs();
  for (const Finding& finding : before) {
    if (!MayTranslate(finding)) continue;
    AddFinding(&gone_, Finding{FindingKind::kNat, "translations of rules that are gone",
                               finding.sockets, finding.device});
  }
}

bool HostRules::AreTranslationsDue() const { return now_ns_ >= next_translations_look_ns_; }

void HostRules::LookAtRemembered(const HostScope& scope, Findings* findings) {
  const DumpResult result = LookAtConntrack(&netfilter_, scope, findings);
  if (result != DumpResult::kOk) {
    findings->clear();
    // Conntrack cannot be read. A flow without packets is forgotten at `gone_until_ns_`.
    if (now_ns_ < gone_until_ns_) *findings = gone_;
  }
  if (now_ns_ >= gone_until_ns_ || result == DumpResult::kOk) gone_.clear();
  next_translations_look_ns_ = findings->empty() ? ~uint64_t{0} : now_ns_ + kTranslationsLookNs;
}

}  // namespace turnpike
