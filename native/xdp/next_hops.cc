#include "xdp/next_hops.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "xdp/coarse_clock.h"

namespace turnpike {

namespace {

// Stores a word that the BPF program reads with one load.
template <typename Shared>
void StoreWord(Shared* shared, size_t word, uint64_t value) {
  __atomic_store_n(reinterpret_cast<uint64_t*>(shared) + word, value, __ATOMIC_RELEASE);
}

}  // namespace

Status NextHops::Open(int destinations_map, uint32_t destinations, int hops_map, uint32_t hops) {
  SipKey hash_key;
  if (getrandom(&hash_key, sizeof(hash_key), 0) != sizeof(hash_key)) {
    return Status::System("cannot read random bytes", errno);
  }
  numbers_ = IdPool(destinations - 1);
  hop_numbers_ = IdPool(hops - 1);
  Status status = netlink_.Open();
  if (status.ok()) status = shared_destinations_.Map(destinations_map, destinations);
  if (status.ok()) status = shared_hops_.Map(hops_map, hops);
  if (status.ok()) status = by_address_.Allocate(destinations, hash_key);
  if (status.ok()) status = by_neighbour_.Allocate(hops, hash_key);
  if (status.ok()) status = destinations_.Allocate(destinations);
  if (status.ok()) status = hops_.Allocate(hops);
  return status;
}

uint32_t NextHops::Acquire(const IpAddress& remote, const IpAddress& local) {
  const DestinationKey key{remote, local};
  if (const uint32_t* known = by_address_.Find(key); known != nullptr) {
    ++destinations_[*known].references;
    return *known;
  }
  const uint32_t number = numbers_.Take(CoarseMonotonicNs());
  if (number == 0) return 0;
  *by_address_.FindOrInsert(key) = number;
  destinations_[number] = Destination{key, 1, 0};
  waiting_.push_back(number);
  return number;
}

void NextHops::Release(uint32_t number) {
  if (number == 0 || --destinations_[number].references > 0) return;
  by_address_.Erase(destinations_[number].key);
  SetDestination(number, 0, 0);
  numbers_.GiveBack(number, CoarseMonotonicNs());
}

void NextHops::SetDevices(std::vector<Device> devices) {
  if (devices == devices_) return;
  devices_ = std::move(devices);
  for (uint32_t i = 1; i <= hop_numbers_.highest(); ++i) {
    if (hops_[i].references == 0) continue;
    const Device* device = FindDevice(hops_[i].key.ifindex);
    if (device == nullptr || !device->running) WriteHop(i, Neighbour{});
  }
  ResolveAllAgain();
}

void NextHops::ResolveAllAgain() {
  to_sweep_ = numbers_.highest();
  ++round_;
}

void NextHops::ResolveSomeAgain() {
  constexpr uint32_t kAtOnceMin = 16;
  constexpr uint32_t kAtOnceMax = 200;
  constexpr uint32_t kParts = 50;
  const uint32_t all = numbers_.highest();
  const uint32_t some = std::min(std::clamp(all / kParts, kAtOnceMin, kAtOnceMax), all);
  to_sweep_ = std::max(to_sweep_, some);
}

void NextHops::OnNeighbour(const Neighbour& neighbour) {
  const uint32_t* hop = by_neighbour_.Find(HopKey{neighbour.ip, neighbour.ifindex});
  if (hop == nullptr) return;
  WriteHop(*hop, neighbour);
  // Only the BPF program sends to this neighbour. The kernel does not see that traffic and would
  // not confirm the MAC address.
  if (neighbour.stale) netlink_.UseNeighbour(neighbour.ifindex, neighbour.ip);
}

bool NextHops::ResolveOne() {
  uint32_t number = 0;
  if (!waiting_.empty()) {
    number = waiting_.front();
    waiting_.pop_front();
  } else if (to_sweep_ > 0 && numbers_.highest() > 0) {
    --to_sweep_;
    swept_ = swept_ % numbers_.highest() + 1;
    number = swept_;
  } else {
    return false;
  }
  if (destinations_[number].references > 0) Resolve(number);
  return true;
}

const Device* NextHops::FindDevice(uint32_t ifindex) const {
  for (const Device& device : devices_) {
    if (device.ifindex == ifindex) return &device;
  }
  return nullptr;
}

void NextHops::Resolve(uint32_t number) {
  const DestinationKey& key = destinations_[number].key;
  Route route;
  const bool found = netlink_.FindRoute(key.remote, key.local, &route);
  const Device* device = found ? FindDevice(route.ifindex) : nullptr;
  // A route through a device that is not given or is down is left to the stack.
  if (device == nullptr || !device->running) return SetDestination(number, 0, 0);
  const uint32_t mtu = route.mtu == 0 ? device->mtu : std::min(route.mtu, device->mtu);
  SetDestination(number, HopOf(route.ifindex, route.neighbour), mtu);
}

void NextHops::SetDestination(uint32_t number, uint32_t hop, uint32_t mtu) {
  Destination& destination = destinations_[number];
  const uint32_t before = destination.hop;
  if (hop != before && hop != 0) ++hops_[hop].references;
  destination.hop = hop;
  const tp_destination shared{hop, hop == 0 ? 0 : mtu};
  uint64_t word;
  std::memcpy(&word, &shared, sizeof(word));
  StoreWord(&shared_destinations_[number], 0, word);
  if (hop != before) ReleaseHop(before);
}

uint32_t NextHops::HopOf(uint32_t ifindex, const IpAddress& ip) {
  const HopKey key{ip, ifindex};
  if (const uint32_t* known = by_neighbour_.Find(key); known != nullptr) {
    if (hops_[*known].round != round_) AskAboutHop(*known);
    return *known;
  }
  const uint32_t number = hop_numbers_.Take(CoarseMonotonicNs());
  if (number == 0) return 0;
  *by_neighbour_.FindOrInsert(key) = number;
  hops_[number].key = key;
  hops_[number].references = 0;
  AskAboutHop(number);
  return number;
}

void NextHops::AskAboutHop(uint32_t number) {
  const HopKey& key = hops_[number].key;
  Neighbour neighbour;
  if (!netlink_.FindNeighbour(key.ifindex, key.ip, &neighbour)) neighbour = Neighbour{};
  WriteHop(number, neighbour);
  hops_[number].round = round_;
  if (!neighbour.usable || neighbour.stale) netlink_.UseNeighbour(key.ifindex, key.ip);
}

void NextHops::ReleaseHop(uint32_t number) {
  if (number == 0 || --hops_[number].references > 0) return;
  by_neighbour_.Erase(hops_[number].key);
  WriteHop(number, Neighbour{});
  hop_numbers_.GiveBack(number, CoarseMonotonicNs());
}

void NextHops::WriteHop(uint32_t number, const Neighbour& neighbour) {
  const Device* device = FindDevice(hops_[number].key.ifindex);
  const bool reachable = neighbour.usable && device != nullptr && device->running;
  tp_hop shared{};
  if (reachable) {
    std::memcpy(shared.remote_mac, neighbour.mac.bytes, sizeof(shared.remote_mac));
    std::memcpy(shared.local_mac, device->mac.bytes, sizeof(shared.local_mac));
    shared.ifindex = hops_[number].key.ifindex;
  }
  shared.version = shared.version_again = shared.version_at_last = ++hops_[number].version;
  uint64_t words[3];
  static_assert(sizeof(words) == sizeof(shared));
  std::memcpy(words, &shared, sizeof(words));
  for (size_t i = 0; i < 3; ++i) StoreWord(&shared_hops_[number], i, words[i]);
}

}  // namespace turnpike
