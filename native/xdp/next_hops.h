// Keeps the next hop of each destination of the fast path. Routes are queried from the kernel;
// neighbours are updated by its notifications.
//
// The program reads the result without a lock. A destination is one 64-bit word (hop and MTU). A
// hop is three words with one version. A change of a hop applies to all flows that use it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/bpf_map.h"
#include "table/fixed_table.h"
#include "xdp/id_pool.h"
#include "xdp/map_structs.h"
#include "xdp/netlink.h"

namespace turnpike {

// A device that the fast path may send through.
struct Device {
  uint32_t ifindex = 0;
  uint32_t mtu = 0;
  MacAddress mac;
  bool running = false;

  bool operator==(const Device& other) const = default;
};

// Not thread-safe: the owner holds a lock.
class NextHops {
 public:
  // Opens the maps. The sizes include number 0 of each, which stays unreachable.
  Status Open(int destinations_map, uint32_t destinations, int hops_map, uint32_t hops);

  // Returns the number of a destination, which is resolved later by ResolveOne; 0 if the map is
  // full. Each acquired number is released once.
  uint32_t Acquire(const IpAddress& remote, const IpAddress& local);
  void Release(uint32_t number);

  // Sets the current devices. Destinations through a device that is gone or down become unreachable
  // at once. If any device has changed, all destinations are resolved again.
  void SetDevices(std::vector<Device> devices);
  // Schedules all destinations to be resolved again, because routes may have changed.
  void ResolveAllAgain();
  // Schedules some destinations to be resolved again. Called periodically, because path MTU
  // discovery sends no notification.
  void ResolveSomeAgain();
  // Applies a neighbour's new state.
  void OnNeighbour(const Neighbour& neighbour);
  // Whether a new destination waits to be resolved.
  bool waiting() const { return !waiting_.empty(); }
  // Resolves one waiting destination. Returns false if none waits.
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
    // The round in which the kernel was last asked about this neighbour.
    uint32_t round;
    uint16_t version;
  };

  const Device* FindDevice(uint32_t ifindex) const;
  void Resolve(uint32_t number);
  // Sets the hop and MTU of a destination and counts the reference to the hop.
  void SetDestination(uint32_t number, uint32_t hop, uint32_t mtu);
  // Returns the hop number of a neighbour, or 0 if the map is full. Queries the kernel about each
  // neighbour once per round.
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
  // Progress of a sweep over all destinations: the last one done, and how many remain.
  uint32_t swept_ = 0;
  uint32_t to_sweep_ = 0;
  uint32_t round_ = 1;
};

}  // namespace turnpike
