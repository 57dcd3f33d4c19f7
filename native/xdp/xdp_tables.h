// The tables of the fast path: flows, sessions and relays, changed together with the workers'
// tables. The packets of an entry that does not fit its map go to the sockets.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "table/bandwidth_buckets.h"
#include "table/flow_table.h"
#include "table/leg_traffic.h"
#include "table/remote_relays.h"
#include "table/session_table.h"
#include "table/shared_sequences.h"
#include "xdp/entry_map.h"
#include "xdp/next_hops.h"
#include "xdp/program_loader.h"

namespace turnpike {

struct XdpSizes {
  uint32_t client_flows_max = 0;
  uint32_t sessions_max = 0;
  uint32_t remote_relays_max = 0;
};

// The addresses bound on each side, with the actual ports.
struct XdpAddresses {
  std::vector<TransportAddress> clients;
  std::vector<TransportAddress> trunks;
  // For each trunk address, the workers' own source ports of trunk data. Empty if data leaves from
  // the trunk port only.
  std::vector<std::vector<uint16_t>> trunk_lane_ports;
  // The IP addresses that relayed endpoints may be bound to. Flows of those beyond the first
  // kRelayedIpsForwardedMax are left to the sockets.
  std::vector<IpAddress> relayed_ips;
};

// The program's socket numbers are the ids of the listeners' handles. Those of relayed IP addresses
// follow.
static_assert(TP_SOCKETS_PER_SIDE == kAddressesPerSideMax);
static_assert(TP_RELAYED_FIRST == TransportHandle::kListeners);

// Relayed IP addresses whose flows the program may forward.
inline constexpr uint32_t kRelayedIpsForwardedMax = TP_SOCKETS_PER_SIDE;
static_assert(TP_RELAYED_FIRST + kRelayedIpsForwardedMax <= 64);

// Traffic of legs through the program: by the slot of a flow, and by the slot of a session.
struct XdpLegs {
  LegTraffic* flows = nullptr;
  LegTraffic* sessions = nullptr;
};

// Not thread-safe: the owner holds a lock.
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

  BandwidthBuckets::Shared shared_buckets() {
    return {reinterpret_cast<BandwidthBuckets::Cell*>(buckets_.memory()), buckets_count_};
  }

  // As in FastPath. A relayed endpoint of another IP address is not added.
  void AddRelayed(TransportHandle relayed, const TransportAddress& bound);
  void RemoveRelayed(TransportHandle relayed);
  void SetAnyBounded(bool any) {
    __atomic_store_n(&settings_[0].any_bounded, any, __ATOMIC_RELAXED);
  }

  // Adds or replaces a flow. Returns its cell, or 0 if it has none and is not forwarded here.
  uint32_t PutFlow(const FlowKey& key, const FlowAction& action, uint32_t slot, Expiry expiry);
  void RefreshFlow(const FlowKey& key, Expiry expiry);
  void RemoveFlow(const FlowKey& key);
  void MoveFlow(const FlowKey& key, uint32_t slot);
  void CountFlow(const FlowKey& key);
  void ClearFlowTraffic(uint32_t slot) { legs_.flows[slot].Clear(); }
  void PutSession(const SessionAction& action, Expiry expiry);
  void RefreshSession(uint32_t index, Expiry expiry);
  void RemoveSession(uint32_t index);
  // Adds or replaces a relay with its keys. ShareWindows updates `relay.shared`.
  void PutRemoteRelay(uint32_t relay_index, const RemoteRelay& relay);
  void RemoveRemoteRelay(uint32_t relay_index);

  // Adds the program's counts of each leg since the last call.
  void CountLegs();

  // Publishes the lower bounds of the program's replay windows, so that workers reject what the
  // program rejects as too old. Handles up to 1,024 lanes; the next call continues behind them.
  void ShareWindows();

  // Publishes the monotonic time in seconds to the program. Any thread.
  void SetSecond(uint64_t monotonic_second) {
    __atomic_store_n(&settings_[0].second, static_cast<uint32_t>(monotonic_second),
                     __ATOMIC_RELAXED);
  }
  // Changes the send and receive keys to those of a day.
  void SetToday(uint16_t today);
  // Sets the sockets whose packets are left to the stack: one bit each, numbered by the id of the
  // handle.
  void LeaveOut(uint64_t sockets);
  // Sets the addresses of this host, for sockets bound to a wildcard address. Packets to any other
  // address are left to the sockets.
  void SetLocalAddresses(std::vector<IpAddress> addresses);

  // Writes a relay again that the kernel refused to store, if there is one. Called periodically, as
  // relays are put rarely.
  void RetryOneRelay();

  NextHops& next_hops() { return next_hops_; }
  // Whether a relay has this index.
  bool HasRemoteRelay(uint32_t relay_index) const { return relays_[relay_index].present; }

 private:
  struct HeldRelay {
    bool present = false;
    RemoteRelay relay;
    // Keys of its source addresses that the map of flows has.
    std::vector<tp_flow_key> sources;
    uint32_t destination = 0;
    // Whether the program's maps have the relay, and all its sources.
    bool written = false;
    bool sources_written = false;
    // The set of lanes in use. It advances each time the workers change their lane offset.
    uint32_t lane_set = 0;
  };

  static constexpr uint32_t kNoSlot = UINT32_MAX;

  // A relayed endpoint: its address, the number of its IP address among the sockets, and the keys
  // of the flows that come from its peers or lead to it.
  struct Relayed {
    TransportAddress address;
    uint16_t socket = 0;
    std::set<tp_flow_key, KeyBefore<tp_flow_key>> flows;
  };
  // What belongs to a flow with a cell: its slot among the counters of legs, and for a flow of an
  // allocation the number of the relayed endpoint's handle.
  struct Cell {
    uint32_t slot = kNoSlot;
    uint64_t relayed = 0;

    bool operator==(const Cell& other) const = default;
  };

  using SourceFlows = std::map<tp_flow_key, tp_flow, KeyBefore<tp_flow_key>>;

  // Of a listener or a relayed endpoint. The program knows no other socket: their packets are left
  // to the workers.
  const TransportAddress& BoundTo(TransportHandle handle) const;
  uint16_t SocketOf(TransportHandle handle) const;
  // Whether the program may forward what a socket receives.
  bool IsOurs(TransportHandle handle) const {
    return handle.IsListener() || relayed_.count(handle.ToNumber()) > 0;
  }
  // The local address of a 5-tuple; its IP is none where the kernel would select it.
  TransportAddress LocalOf(const FiveTuple& tuple) const;
  // Whether the host rules are known for packets of the local address of a 5-tuple.
  bool IsKnown(const FiveTuple& tuple) const;
  tp_flow_key KeyOf(const FlowKey& key) const;
  // Makes a path to a client and acquires its destination.
  tp_path MakePath(const FiveTuple& tuple);
  // Returns the relayed endpoint of a flow of an allocation's channel, or null if the flow is none
  // or is left to the workers.
  Relayed* RelayedOf(const FlowKey& key, const FlowAction& action);
  uint32_t PutTrunkFlow(const FlowKey& key, const FlowAction& action, uint32_t slot, Expiry expiry);
  // Adds or replaces a flow with a path. `relayed` is that of an allocation, or null.
  uint32_t PutPathFlow(const FlowKey& key, const FlowAction& action, uint32_t slot, Expiry expiry,
                       Relayed* relayed);
  // Takes a cell for a flow. Returns 0 if none is free.
  uint32_t TakeCell(const Cell& of);
  // Adds or replaces a flow of a 5-tuple.
  void StoreFlow(const FiveTuple& tuple, const tp_flow_key& key, const tp_flow& flow);
  // Removes a flow that is there.
  void DropFlow(const tp_flow_key& key, const tp_flow& flow);
  // Moves what the program has counted of a cell to the flow's counters.
  void CountCell(uint32_t cell, uint64_t second);
  // Releases what a flow that is gone from the map has held: its destination and its cell.
  void ReleaseFlow(const tp_flow_key& key, const tp_flow& flow);
  void WriteRemoteRelay(uint32_t relay_index);
  // Writes the sources that the map does not have and removes those that are no longer wanted.
  void WriteSources(uint32_t relay_index);
  // The flows of a relay's sources, by their keys.
  SourceFlows SourcesOf(uint32_t relay_index) const;
  void EraseSource(const HeldRelay& held, const tp_flow_key& key);
  void EraseWindows(uint32_t relay_index, uint32_t generation);
  void ShareWindow(const tp_window_key& key);

  tp_program program_{};
  std::vector<TransportAddress> bound_[2];
  const TransportAddress not_ours_{};
  std::vector<std::vector<uint16_t>> trunk_lane_ports_;
  std::vector<IpAddress> relayed_ips_;
  // By the number of the handle.
  std::unordered_map<uint64_t, Relayed> relayed_;
  std::vector<IpAddress> local_addresses_;
  NextHops next_hops_;
  EntryMap<tp_flow_key, tp_flow> flows_;
  EntryMap<uint32_t, tp_session> sessions_;
  std::vector<HeldRelay> relays_;
  // The relay that RetryOneRelay wrote last.
  size_t retried_ = 0;
  // The last window that ShareWindows handled.
  tp_window_key shared_last_{};
  uint16_t today_ = 0;
  uint32_t cpus_ = 1;
  uint32_t session_mask_ = 0;
  BpfArray<tp_config> settings_;
  // Cells of session sequences. Cell 0 belongs to no flow.
  BpfArray<uint32_t> flow_cells_;
  BpfArray<uint32_t> session_cells_;
  BpfArray<uint64_t> flows_carried_;
  BpfArray<uint64_t> sessions_carried_;
  BpfArray<tp_bucket> buckets_;
  uint32_t buckets_count_ = 0;
  std::vector<Cell> cells_;
  // By slot: the index of the session that was put there last.
  std::vector<uint32_t> session_indexes_;
  XdpLegs legs_;
  IdPool cell_numbers_;
};

}  // namespace turnpike
