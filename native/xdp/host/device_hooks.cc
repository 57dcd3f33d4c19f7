#include "xdp/host/device_hooks.h"

#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

namespace turnpike {

namespace {

// Queueing disciplines that only queue until the device can send. Others shape or drop.
constexpr const char* kPlainQueues[] = {"noqueue", "pfifo_fast", "pfifo", "bfifo", "fq_codel",
                                        "fq",      "mq",         "sfq",   "codel", "mqprio",
                                        "prio",    "fq_pie",     "pie",   "cake"};

const HostScope::Device* FindDevice(const HostScope& scope, int ifindex) {
  for (const HostScope::Device& device : scope.devices) {
    if (device.ifindex == static_cast<uint32_t>(ifindex)) return &device;
  }
  return nullptr;
}

void LookAtMasters(NetlinkDump* netlink, const HostScope& scope, Findings* findings) {
  for (const HostScope::Device& device : scope.devices) {
    ifinfomsg link{};
    link.ifi_index = static_cast<int>(device.ifindex);
    // A removed device gives no response and has no packets.
    netlink->Ask(RTM_GETLINK, &link, sizeof(link), [&](const nlmsghdr* header) {
      if (AttributesOf(header, sizeof(link)).Find(IFLA_MASTER).Word() == 0) return;
      const std::string what = "it belongs to another device, which has its packets first";
      AddFinding(findings, Finding{FindingKind::kMaster, what, 0, device.name});
    });
  }
}

}  // namespace

DumpResult LookAtDevices(NetlinkDump* netlink, const HostScope& scope, Findings* findings) {
  const Findings before = *findings;
  tcmsg all{};
  all.tcm_family = AF_UNSPEC;
  const DumpResult result = netlink->List(
      RTM_GETQDISC, &all, sizeof(all), [&] { *findings = before; },
      [&](const nlmsghdr* header) {
        const auto* body = static_cast<const tcmsg*>(NLMSG_DATA(header));
        const HostScope::Device* device = FindDevice(scope, body->tcm_ifindex);
        if (device == nullptr) return;
        const std::string kind = AttributesOf(header, sizeof(all)).Find(TCA_KIND).Text();
        const auto is = [&](const char* each) { return kind == each; };
        // Their filters are listed below.
        if (is("clsact") || is("ingress")) return;
        if (std::any_of(std::begin(kPlainQueues), std::end(kPlainQueues), is)) return;
        AddFinding(findings, Finding{FindingKind::kFilter,
                                     "queueing discipline " + kind + " of " + device->name,
                                     scope.AllSockets(),
                                     {}});
      });
  if (result != DumpResult::kOk) return result;
  for (const HostScope::Device& device : scope.devices) {
    for (const uint32_t parent : {uint32_t{TC_H_ROOT}, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
                                  TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)}) {
      tcmsg filters{};
      filters.tcm_family = AF_UNSPEC;
      filters.tcm_ifindex = static_cast<int>(device.ifindex);
      filters.tcm_parent = parent == TC_H_ROOT ? 0 : parent;
      // A device without such a discipline has no such filters.
      netlink->List(
          RTM_GETTFILTER, &filters, sizeof(filters), [] {},
          [&](const nlmsghdr* header) {
            if (header->nlmsg_type != RTM_NEWTFILTER) return;
            AddFinding(findings,
                       Finding{FindingKind::kTrafficControl,
                               "it has filters of traffic control (tc filter)", 0, device.name});
          });
    }
  }
  LookAtMasters(netlink, scope, findings);
  return DumpResult::kOk;
}

}  // namespace turnpike
