// What the kernel knows of routes and neighbours, by rtnetlink(7).
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

// Where a packet to some address goes.
struct Route {
  uint32_t ifindex = 0;
  // Who takes it on that link: the gateway, or the destination itself.
  IpAddress neighbour;
  // The largest packet, as far as the route and path MTU discovery know; 0 is the device's own.
  uint32_t mtu = 0;
};

struct Neighbour {
  uint32_t ifindex = 0;
  IpAddress ip;
  MacAddress mac;
  // Whether the MAC address may be used, and whether the kernel would have it confirmed.
  bool usable = false;
  bool stale = false;
};

// Questions, each answered at once. One thread at a time.
class NetlinkRequests {
 public:
  NetlinkRequests() = default;
  ~NetlinkRequests();
  NetlinkRequests(const NetlinkRequests&) = delete;
  NetlinkRequests& operator=(const NetlinkRequests&) = delete;

  Status Open();

  // The route that a UDP socket of this user bound to `source` would use; `source` may be none.
  // False when there is none, it is no unicast one, or packets on it get another header around
  // them.
  bool FindRoute(const IpAddress& destination, const IpAddress& source, Route* route);
  // What is known of a neighbour; false if nothing.
  bool FindNeighbour(uint32_t ifindex, const IpAddress& ip, Neighbour* neighbour);
  // Tells the kernel that the neighbour is in use although it sees no traffic to it, so that it
  // resolves or confirms it.
  void UseNeighbour(uint32_t ifindex, const IpAddress& ip);

 private:
  int fd_ = -1;
  uint32_t serial_ = 0;
};

// News of what changed. One thread at a time.
class NetlinkEvents {
 public:
  NetlinkEvents() = default;
  ~NetlinkEvents();
  NetlinkEvents(const NetlinkEvents&) = delete;
  NetlinkEvents& operator=(const NetlinkEvents&) = delete;

  Status Open();
  // Readable when there is news.
  int fd() const { return fd_; }

  // What changed besides neighbours.
  struct Changes {
    bool links = false;
    // Links, routes, rules or addresses; or news was lost, and it may be anything.
    bool any = false;
  };

  // Takes all news there is. `on_neighbour` sees each neighbour's new state.
  Changes Take(const std::function<void(const Neighbour&)>& on_neighbour);

 private:
  int fd_ = -1;
};

}  // namespace turnpike
