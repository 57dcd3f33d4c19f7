// The fast path under test, in either build: the rewrite compiled for user space is here, the BPF
// object in xdp_program.h.
#pragma once

#include <cstring>
#include <map>
#include <string>

#include "support.h"
#include "table/bandwidth_buckets.h"
#include "xdp/rewrite.h"
#include "xdp/shared_addresses.h"
#include "xdp_frames.h"

namespace turnpike::test {

constexpr uint32_t kIngress = 7;
constexpr uint16_t kFirstSourcePort = 50'000;

// The result for a frame: an XDP_* code and the frame.
struct Passage {
  int action = 0;
  Bytes frame;
};

// Returns a path from a local address to a destination.
inline tp_path ToPath(const TransportAddress& local, const TransportAddress& remote,
                      uint32_t destination = 0) {
  tp_path path{};
  path.remote = ToShared(remote.ip);
  path.local = ToShared(local.ip);
  path.remote_port = TP_BE16(remote.port);
  path.local_port = TP_BE16(local.port);
  path.destination = destination;
  path.is_ipv4 = remote.ip.IsIpv4();
  tp_set_path_sums(&path);
  return path;
}

// Sets a source port for every CPU.
inline void SpreadSourcePorts(tp_remote_relay* relay) {
  for (int i = 0; i < TP_SOURCE_PORTS; ++i) {
    relay->source_ports[i] = TP_BE16(kFirstSourcePort + i);
  }
}

// Returns the source of a trunk datagram in a CPU's lane.
inline TransportAddress SourceOf(uint8_t lane, TransportAddress trunk) {
  trunk.port = static_cast<uint16_t>(kFirstSourcePort + (lane - TP_LANE_FIRST) % TP_SOURCE_PORTS);
  return trunk;
}

// Returns a neighbour on the interface that frames arrive by.
inline tp_hop ToHop(uint32_t ifindex) {
  tp_hop hop{};
  std::memcpy(hop.remote_mac, kNeighbourMac, 6);
  std::memcpy(hop.local_mac, kRelayMac, 6);
  hop.version = hop.version_again = hop.version_at_last = 3;
  hop.ifindex = ifindex;
  return hop;
}

// The tables and the run of a frame.
class XdpPath {
 public:
  virtual ~XdpPath() = default;
  virtual void PutFlow(const tp_flow_key& key, const tp_flow& flow) = 0;
  virtual void PutSession(uint32_t index, const tp_session& session) = 0;
  virtual void PutRemoteRelay(uint32_t relay_index, const tp_remote_relay& relay) = 0;
  virtual void PutDestination(uint32_t index, const tp_destination& destination) = 0;
  virtual void PutHop(uint32_t index, const tp_hop& hop) = 0;
  virtual void SetToday(uint16_t today) = 0;
  virtual void SetNextSequence(uint64_t sequence) = 0;
  virtual void LeaveOut(uint64_t sockets) = 0;
  // Sets whether any bandwidth bucket has a rate.
  virtual void SetAnyBounded(bool any) = 0;
  // The bandwidth buckets that the program takes from.
  virtual BandwidthBuckets::Shared SharedBuckets() = 0;
  // Sets the monotonic time in seconds.
  virtual void SetSecond(uint32_t second) = 0;
  // Runs one frame. Sets `lane` to the lane of the resulting trunk datagram.
  virtual Passage Run(const Bytes& frame, uint8_t* lane) = 0;
  virtual uint64_t Count(tp_counter counter) = 0;
  virtual tp_traffic Traffic(uint32_t relay_index) = 0;

  Passage Run(const Bytes& frame) {
    uint8_t lane;
    return Run(frame, &lane);
  }
};

// The user-space build.
class UserPath : public XdpPath {
 public:
  static constexpr uint32_t kHeadroom = 256;

  explicit UserPath(uint32_t cpu = 5) : cpu_number_(cpu) {
    world_.self = this;
    world_.flow = [](void* self, const tp_flow_key* key) {
      return Find(Of(self).flows_, Key(key));
    };
    world_.session = [](void* self, __u32 i) { return Find(Of(self).sessions_, i); };
    world_.relay = [](void* self, __u32 i) { return Find(Of(self).relays_, i); };
    world_.window = [](void* self, const tp_window_key* key) {
      return &Of(self).windows_[Key(key)];
    };
    world_.traffic = [](void* self, __u32 i) { return &Of(self).traffic_[i]; };
    world_.destination = [](void* self, __u32 i) { return Find(Of(self).destinations_, i); };
    world_.hop = [](void* self, __u32 i) { return Find(Of(self).hops_, i); };
    world_.flow_cell = [](void* self, __u32 i) { return &Of(self).flow_cells_[i]; };
    world_.session_cell = [](void* self, __u32 i) { return &Of(self).session_cells_[i]; };
    world_.flow_carried = [](void* self, __u32 i) { return &Of(self).flows_carried_[i]; };
    world_.session_carried = [](void* self, __u32 i) { return &Of(self).sessions_carried_[i]; };
    world_.bucket = [](void* self, __u32 i) {
      return i < kBuckets ? reinterpret_cast<tp_bucket*>(&Of(self).buckets_[i]) : nullptr;
    };
    world_.settings = &settings_;
    world_.cpu = &cpu_;
  }

  void PutFlow(const tp_flow_key& key, const tp_flow& flow) override { flows_[Key(&key)] = flow; }
  void PutSession(uint32_t index, const tp_session& session) override {
    sessions_[index] = session;
  }
  void PutRemoteRelay(uint32_t relay_index, const tp_remote_relay& relay) override {
    relays_[relay_index] = relay;
  }
  void PutDestination(uint32_t index, const tp_destination& destination) override {
    destinations_[index] = destination;
  }
  void PutHop(uint32_t index, const tp_hop& hop) override { hops_[index] = hop; }
  void SetToday(uint16_t today) override { settings_.today = today; }
  void SetNextSequence(uint64_t sequence) override { cpu_.next_sequence = sequence; }
  void LeaveOut(uint64_t sockets) override { settings_.left_out = sockets; }
  void SetAnyBounded(bool any) override { settings_.any_bounded = any; }
  BandwidthBuckets::Shared SharedBuckets() override { return {buckets_, kBuckets}; }
  void SetSecond(uint32_t second) override { settings_.second = second; }
  // Sets the time at which buckets are taken from.
  void SetMonotonic(uint64_t ns) { monotonic_ns_ = ns; }
  uint64_t Count(tp_counter counter) override { return cpu_.counts[counter]; }
  tp_traffic Traffic(uint32_t relay_index) override { return traffic_[relay_index]; }

  using XdpPath::Run;
  Passage Run(const Bytes& frame, uint8_t* lane) override {
    *lane = static_cast<uint8_t>(TP_LANE_FIRST + cpu_number_);
    // No bytes behind the frame, so that a sanitizer detects accesses out of bounds.
    Bytes memory(kHeadroom + frame.size());
    if (!frame.empty()) std::memcpy(memory.data() + kHeadroom, frame.data(), frame.size());
    tp_context context{};
    context.world = &world_;
    context.room = memory.data();
    context.data = memory.data() + kHeadroom;
    context.data_end = memory.data() + memory.size();
    context.ingress = kIngress;
    context.cpu_number = cpu_number_;
    context.monotonic_ns = monotonic_ns_;
    const int action = tp_relay(&context);
    return Passage{action, Bytes(context.data, context.data_end)};
  }

 private:
  static UserPath& Of(void* self) { return *static_cast<UserPath*>(self); }
  template <typename T>
  static std::string Key(const T* key) {
    return std::string(reinterpret_cast<const char*>(key), sizeof(*key));
  }
  template <typename Map, typename K>
  static typename Map::mapped_type* Find(Map& map, const K& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
  }

  static constexpr uint32_t kBuckets = 4;

  const uint32_t cpu_number_;
  uint64_t monotonic_ns_ = 0;
  BandwidthBuckets::Cell buckets_[kBuckets]{};
  tp_world world_{};
  tp_config settings_{};
  tp_cpu cpu_{};
  std::map<std::string, tp_flow> flows_;
  std::map<uint32_t, tp_session> sessions_;
  std::map<uint32_t, tp_remote_relay> relays_;
  std::map<std::string, tp_window> windows_;
  std::map<uint32_t, tp_traffic> traffic_;
  std::map<uint32_t, tp_destination> destinations_;
  std::map<uint32_t, tp_hop> hops_;
  std::map<uint32_t, uint32_t> flow_cells_;
  std::map<uint32_t, __u64> flows_carried_;
  std::map<uint32_t, __u64> sessions_carried_;
  std::map<uint32_t, uint32_t> session_cells_;
};

}  // namespace turnpike::test
