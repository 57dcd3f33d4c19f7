// The tables of the fast path, as the data plane's own are changed: flows, sessions, relays. What
// does not fit a map is not there, and its packets go up to the sockets, which know everything.
#pragma once

#include <cstdint>
#include <vector>

#include "table/flow_table.h"
#include "table/leg_traffic.h"
#include "table/session_table.h"
#include "table/shared_sequences.h"
#include "table/trunk_peers.h"
#include "xdp/next_hops.h"
#include "xdp/program_loader.h"

namespace turnpike {

struct XdpSizes {
  uint32_t client_flows_max = 0;
  uint32_t sessions_max = 0;
  uint32_t trunk_peers_max = 0;
};

// Bound on each side, with real ports.
struct XdpAddresses {
  std::vector<TransportAddress> clients;
  std::vector<TransportAddress> trunks;
  // Ports of their own that trunk data leaves from, for each trunk address; none is its port alone.
  std::vector<std::vector<uint16_t>> trunk_lane_ports;
};

// The program numbers the sockets of listeners as their handles' ids do.
static_assert(TP_SOCKETS_PER_SIDE == kAddressesPerSideMax);

// What legs carry by the program: by the place of a flow, and by that of a session.
struct XdpLegs {
  LegTraffic* flows = nullptr;
  LegTraffic* sessions = nullptr;
};

// One thread at a time: the owner has a lock around it.
class XdpTables {
 public:
  // The sizes of the program's maps.
  static tp_sizes MapSizes(const XdpSizes& sizes);

  Status Open(const tp_program& program, const XdpSizes& sizes, XdpAddresses addresses,
              const XdpLegs& legs);

  // The cells of flows and sessions.
  SharedSequences shared_sequences() {
    return SharedSequences{flow_cells_.memory(), session_cells_.memory()};
  }

  // Returns the flow's cell, or 0.
  uint32_t PutFlow(const FlowKey& key, const FlowAction& action, uint32_t place, Expiry expiry);
  void RefreshFlow(const FlowKey& key, Expiry expiry);
  void RemoveFlow(const FlowKey& key);
  void PutSession(const SessionAction& action, Expiry expiry);
  void RefreshSession(uint32_t index, Expiry expiry);
  void RemoveSession(uint32_t index);
  // A relay with its keys. `peer.shared` is told of what the program has taken.
  void PutPeer(uint32_t relay_index, const TrunkPeer& peer);
  void RemovePeer(uint32_t relay_index);

  // Adds what the program has counted of each leg since the last call.
  void CountLegs();

  // Has the workers refuse what the program would refuse as too old, for up to 1,024 lanes; the
  // next call goes on behind those.
  void ShareWindows();

  // What the monotonic clock says, for the program. Any thread.
  void SetSecond(uint64_t monotonic_second) {
    __atomic_store_n(&settings_[0].second, static_cast<uint32_t>(monotonic_second),
                     __ATOMIC_RELAXED);
  }
  // Begins a day: other keys are used and accepted.
  void SetToday(uint16_t today);
  // The sockets, one bit each by the id of its handle, whose packets are theirs alone from now on.
  void LeaveOut(uint32_t sockets);
  // The addresses of this host, for sockets that are bound to all of them. What comes to another
  // one is left to those sockets.
  void SetLocalAddresses(std::vector<IpAddress> addresses);

  NextHops& next_hops() { return next_hops_; }
  // Whether there is a relay of this index.
  bool HasPeer(uint32_t relay_index) const { return peers_[relay_index].present; }

 private:
  struct Peer {
    bool present = false;
    TrunkPeer peer;
    // What stands in the map of flows for its sources.
    std::vector<tp_flow_key> sources;
    uint32_t destination = 0;
    // Which of each CPU's lanes it is sent to in: another one after each change of the workers'.
    uint32_t lane_set = 0;
  };

  const TransportAddress& BoundTo(TransportHandle listener) const;
  // Our address of a 5-tuple; an IP of none where it is not known.
  TransportAddress LocalOf(const FiveTuple& tuple) const;
  // Whether the rules of the host are known for packets of our address of a 5-tuple.
  bool IsKnown(const FiveTuple& tuple) const;
  tp_flow_key KeyOf(const FlowKey& key) const;
  // A path to a client with its destination, which is acquired.
  tp_path MakePath(const FiveTuple& tuple);
  void EraseFlow(const tp_flow_key& key);
  // Writes a flow that is there anew; false where there is no memory for it, and then it is gone.
  bool RewriteFlow(const tp_flow_key& key, const tp_flow& flow);
  void WritePeer(uint32_t relay_index);
  void WriteSources(uint32_t relay_index);
  void EraseSources(Peer& peer);
  void EraseWindows(uint32_t relay_index, uint32_t generation);
  void ShareWindow(const tp_window_key& key);

  tp_program program_{};
  std::vector<TransportAddress> bound_[2];
  std::vector<std::vector<uint16_t>> trunk_lane_ports_;
  std::vector<IpAddress> local_addresses_;
  NextHops next_hops_;
  std::vector<Peer> peers_;
  // Where ShareWindows goes on; of no lane at first.
  tp_window_key shared_last_{};
  uint16_t today_ = 0;
  uint32_t cpus_ = 1;
  uint32_t session_mask_ = 0;
  BpfArray<tp_config> settings_;
  // Cells count records; number 0 is nobody's.
  BpfArray<uint32_t> flow_cells_;
  BpfArray<uint32_t> session_cells_;
  BpfArray<uint64_t> flows_carried_;
  BpfArray<uint64_t> sessions_carried_;
  // By cell: the place of its flow among the counters of legs.
  std::vector<uint32_t> places_;
  XdpLegs legs_;
  IdPool cell_numbers_;
};

}  // namespace turnpike
