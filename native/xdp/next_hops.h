// How each destination of the fast path is reached, kept as the kernel would do it: routes are
// asked for, neighbours followed by their events.
//
// The program only reads the outcome. A destination is one word (hop and size), a hop three words
// of one version, so that changes need no lock in the program and reach every flow at once.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "table/fixed_table.h"
#include "xdp/bpf_map.h"
#include "xdp/id_pool.h"
#include "xdp/map_structs.h"
#include "xdp/netlink.h"

namespace turnpike {

// A device that frames may leave through.
struct Device {
  uint32_t ifindex = 0;
  uint32_t mtu = 0;
  MacAddress mac;
  bool running = false;

  bool operator==(const Device& other) const = default;
};

// One thread at a time: the owner has a lock around it.
class NextHops {
 public:
  // Maps of so many destinations and hops, number 0 of each included, which stays unreachable.
  Status Open(int destinations_map, uint32_t destinations, int hops_map, uint32_t hops);

  // A destination's number, resolved soon; 0 when there is no room. Each is given back once.
  uint32_t Acquire(const IpAddress& remote, const IpAddress& local);
  void Release(uint32_t number);

  // The devices as they are now. What left through one that is gone or stopped leaves it at once;
  // where any has changed, everything is resolved anew.
  void SetDevices(std::vector<Device> devices);
  // Everything will be resolved anew, as routes may have changed.
  void ResolveAllAgain();
  // A little of the same, so that what makes no event (path MTU discovery) is noticed in time.
  void ResolveSomeAgain();
  // A neighbour has changed.
  void OnNeighbour(const Neighbour& neighbour);
  // Whether a destination waits that was never resolved.
  bool waiting() const { return !waiting_.empty(); }
  // Resolves one destination that waits for it; false when none does.
  bool ResolveOne();

 private:
  struct DestinationKey {
    IpAddress remote;
    IpAddress local;
  };
  struct HopKey {
    IpAddress ip;
    uint32_t ifindex;
  };
  struct Destination {
    DestinationKey key;
    uint32_t references;
    uint32_t hop;
  };
  struct Hop {
    HopKey key;
    uint32_t references;
    // The round of questions in which the kernel was last asked about it.
    uint32_t round;
    uint16_t version;
  };

  const Device* FindDevice(uint32_t ifindex) const;
  void Resolve(uint32_t number);
  // Points a destination to a hop, counted here.
  void SetDestination(uint32_t number, uint32_t hop, uint32_t mtu);
  // The number of a neighbour, about which the kernel is asked once in a round; 0 without room.
  uint32_t HopOf(uint32_t ifindex, const IpAddress& ip);
  void AskAboutHop(uint32_t number);
  void ReleaseHop(uint32_t number);
  void WriteHop(uint32_t number, const Neighbour& neighbour);

  NetlinkRequests netlink_;
  std::vector<Device> devices_;
  BpfArray<tp_destination> shared_destinations_;
  BpfArray<tp_hop> shared_hops_;
  FixedTable<DestinationKey, uint32_t> by_address_;
  FixedTable<HopKey, uint32_t> by_neighbour_;
  MappedArray<Destination> destinations_;
  MappedArray<Hop> hops_;
  IdPool numbers_;
  IdPool hop_numbers_;
  std::deque<uint32_t> waiting_;
  // The last destination of a sweep over all of them, and how many are left of it.
  uint32_t swept_ = 0;
  uint32_t to_sweep_ = 0;
  uint32_t round_ = 1;
};

}  // namespace turnpike
