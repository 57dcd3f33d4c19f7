// Queries and notifications about routes and neighbours by rtnetlink(7).
#pragma once

#include <cstdint>
#include <functional>

#include "base/status.h"
#include "table/five_tuple.h"

namespace turnpike {

struct MacAddress {
  uint8_t bytes[6] = {};

  bool operator==(const MacAddress& other) const {
    return std::memcmp(bytes, other.bytes, sizeof(bytes)) == 0;
  }
};

// The route to a destination.
struct Route {
  uint32_t ifindex = 0;
  // The next hop: the gateway, or the destination itself.
  IpAddress neighbour;
  // Path MTU in bytes, from the route or path MTU discovery; 0 means the device's MTU.
  uint32_t mtu = 0;
};

struct Neighbour {
  uint32_t ifindex = 0;
  IpAddress ip;
  MacAddress mac;
  // `usable`: the MAC address is valid. `stale`: the kernel wants it confirmed.
  bool usable = false;
  bool stale = false;
};

// Synchronous rtnetlink queries. Not thread-safe.
class NetlinkRequests {
 public:
  NetlinkRequests() = default;
  ~NetlinkRequests();
  NetlinkRequests(const NetlinkRequests&) = delete;
  NetlinkRequests& operator=(const NetlinkRequests&) = delete;

  Status Open();

  // Finds the route that a UDP socket of this user bound to `source` would use; `source` may be
  // none. Returns false if there is none, if it is not unicast, or if it encapsulates packets.
  bool FindRoute(const IpAddress& destination, const IpAddress& source, Route* route);
  // Finds a neighbour. Returns false if the kernel has no entry.
  bool FindNeighbour(uint32_t ifindex, const IpAddress& ip, Neighbour* neighbour);
  // Tells the kernel that the neighbour is in use, so that it resolves or confirms the MAC address.
  // The kernel does not see the fast path's traffic.
  void UseNeighbour(uint32_t ifindex, const IpAddress& ip);

 private:
  int fd_ = -1;
  uint32_t serial_ = 0;
};

// rtnetlink notifications. Not thread-safe.
class NetlinkEvents {
 public:
  NetlinkEvents() = default;
  ~NetlinkEvents();
  NetlinkEvents(const NetlinkEvents&) = delete;
  NetlinkEvents& operator=(const NetlinkEvents&) = delete;

  Status Open();
  // Readable when a notification waits.
  int fd() const { return fd_; }

  // Changes other than those of neighbours.
  struct Changes {
    bool links = false;
    // Links, routes, rules or addresses changed, or notifications were lost.
    bool any = false;
  };

  // Reads all waiting notifications. Calls `on_neighbour` with each neighbour's new state.
  Changes Take(const std::function<void(const Neighbour&)>& on_neighbour);

 private:
  int fd_ = -1;
};

}  // namespace turnpike
