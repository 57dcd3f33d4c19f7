#include "xdp/far_end.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <optional>

namespace turnpike {

namespace {

// A query for a link, by its number in the network namespace with an id.
struct LinkQuery {
  ifinfomsg link;
  nlattr head;
  uint32_t network;
};

bool HasProgramInDriver(const nlmsghdr* header) {
  const Attributes attached =
      AttributesOf(header, sizeof(ifinfomsg)).Find(IFLA_XDP).Find(IFLA_XDP_ATTACHED);
  if (attached.length < 1) return false;
  return attached.data[0] == XDP_ATTACHED_DRV || attached.data[0] == XDP_ATTACHED_MULTI;
}

}  // namespace

void FarEnds::Open() { netlink_.Open(NETLINK_ROUTE, {}); }

FarEnd FarEnds::Look(uint32_t ifindex) {
  LinkQuery query{};
  query.link.ifi_index = static_cast<int>(ifindex);
  bool is_veth = false;
  uint32_t other = 0;
  std::optional<uint32_t> network;
  netlink_.Ask(RTM_GETLINK, &query, sizeof(query.link), [&](const nlmsghdr* header) {
    const Attributes link = AttributesOf(header, sizeof(ifinfomsg));
    is_veth = link.Find(IFLA_LINKINFO).Find(IFLA_INFO_KIND).Text() == "veth";
    other = link.Find(IFLA_LINK).Word();
    // Absent if both ends are in the same namespace.
    if (const Attributes id = link.Find(IFLA_LINK_NETNSID); id.present()) network = id.Word();
  });
  if (!is_veth) return FarEnd::kTakes;
  if (other == 0) return FarEnd::kUnknown;
  query.link.ifi_index = static_cast<int>(other);
  query.head = nlattr{NLA_HDRLEN + sizeof(query.network), IFLA_TARGET_NETNSID};
  query.network = network.value_or(0);
  FarEnd far_end = FarEnd::kUnknown;
  // Refused without CAP_NET_ADMIN in the other namespace.
  netlink_.Ask(RTM_GETLINK, &query, network ? sizeof(query) : sizeof(query.link),
               [&](const nlmsghdr* header) {
                 far_end = HasProgramInDriver(header) ? FarEnd::kTakes : FarEnd::kNoProgram;
               });
  return far_end;
}

}  // namespace turnpike
