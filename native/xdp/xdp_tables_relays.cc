// The part of XdpTables about other relays.
#include <algorithm>
#include <cstring>

#include "xdp/shared_addresses.h"
#include "xdp/xdp_tables.h"

namespace turnpike {

namespace {

// Replay windows published while the lock is held once: about 1 ms.
constexpr uint32_t kWindowsSharedAtOnce = 1'024;

static_assert((TP_SOURCE_PORTS & (TP_SOURCE_PORTS - 1)) == 0);

// Chooses today's send key, or yesterday's. Relays reject older ones.
bool SendKey(const RemoteRelay& relay, uint16_t today, tp_remote_relay* shared) {
  for (const uint16_t epoch : {today, static_cast<uint16_t>(today - 1)}) {
    const SipKey* key = relay.send_keys.Find(epoch);
    if (key == nullptr) continue;
    shared->send_epoch = epoch;
    shared->send_key = tp_key{key->k0, key->k1};
    return true;
  }
  return false;
}

}  // namespace

void XdpTables::PutRemoteRelay(uint32_t relay_index, const RemoteRelay& relay) {
  HeldRelay& held = relays_[relay_index];
  const uint32_t destination_before = held.destination;
  const bool is_same = held.present && held.relay.generation == relay.generation;
  if (!is_same) held.lane_set = 0;
  if (is_same && held.relay.lane_offset != relay.lane_offset) ++held.lane_set;
  held.present = true;
  held.relay = RemoteRelay{};
  held.relay.generation = relay.generation;
  held.relay.path = relay.path;
  held.relay.sources = relay.sources;
  held.relay.send_keys = relay.send_keys;
  held.relay.receive_keys = relay.receive_keys;
  held.relay.shared = relay.shared;
  held.relay.lane_offset = relay.lane_offset;
  held.relay.lanes_closed = relay.lanes_closed;
  const TransportAddress local = LocalOf(relay.path);
  held.destination = next_hops_.Acquire(relay.path.remote.ip, local.ip);
  WriteRemoteRelay(relay_index);
  WriteSources(relay_index);
  next_hops_.Release(destination_before);
}

void XdpTables::RemoveRemoteRelay(uint32_t relay_index) {
  HeldRelay& held = relays_[relay_index];
  if (!held.present) return;
  for (const tp_flow_key& key : held.sources) EraseSource(held, key);
  DeleteFromBpfMap(program_.relays, &relay_index);
  next_hops_.Release(held.destination);
  EraseWindows(relay_index, held.relay.generation);
  held = HeldRelay{};
}

void XdpTables::SetToday(uint16_t today) {
  today_ = today;
  __atomic_store_n(&settings_[0].today, today, __ATOMIC_RELAXED);
  for (uint32_t relay_index = 0; relay_index < relays_.size(); ++relay_index) {
    if (relays_[relay_index].present) WriteRemoteRelay(relay_index);
  }
}

void XdpTables::WriteRemoteRelay(uint32_t relay_index) {
  HeldRelay& held = relays_[relay_index];
  const TransportAddress local = LocalOf(held.relay.path);
  tp_remote_relay shared{};
  shared.generation = held.relay.generation;
  const bool can_send = SendKey(held.relay, today_, &shared) && IsKnown(held.relay.path);
  // The upper half of the lane numbers holds this many complete sets of lanes, so all CPUs change
  // their lane together.
  const uint32_t lane_sets = std::max(TP_LANES / cpus_, 1u);
  shared.lane_first =
      can_send ? static_cast<uint16_t>(TP_LANE_FIRST + held.lane_set % lane_sets * cpus_) : 0;
  for (int i = 0; i < TP_RECEIVE_KEYS; ++i) {
    const uint16_t epoch = static_cast<uint16_t>(today_ - 1 + i);
    const SipKey* key = held.relay.receive_keys.Find(epoch);
    if (key == nullptr) continue;
    shared.receive[i] = tp_receive_key{tp_key{key->k0, key->k1}, epoch, 1};
  }
  const std::vector<uint16_t>& lanes = trunk_lane_ports_[held.relay.path.handle.index()];
  for (size_t i = 0; i < TP_SOURCE_PORTS; ++i) {
    const size_t lane = lanes.empty() ? 0 : i % lanes.size();
    const bool closed = lanes.empty() || (held.relay.lanes_closed >> lane & 1) != 0;
    shared.source_ports[i] = TP_BE16(closed ? local.port : lanes[lane]);
  }
  shared.path.remote = ToShared(held.relay.path.remote.ip);
  shared.path.local = ToShared(local.ip);
  shared.path.remote_port = TP_BE16(held.relay.path.remote.port);
  shared.path.local_port = TP_BE16(local.port);
  shared.path.destination = held.destination;
  shared.path.is_ipv4 = held.relay.path.remote.ip.IsIpv4();
  shared.path.socket = held.relay.path.handle.id();
  tp_set_path_sums(&shared.path);
  // If the new entry does not fit, the old one is removed, because the workers already use the new
  // one.
  held.written = UpdateBpfMap(program_.relays, &relay_index, &shared) == 0;
  if (!held.written) DeleteFromBpfMap(program_.relays, &relay_index);
}

void XdpTables::RetryOneRelay() {
  for (size_t i = 0; i < relays_.size(); ++i) {
    const size_t relay_index = (retried_ + 1 + i) % relays_.size();
    const HeldRelay& held = relays_[relay_index];
    if (!held.present || (held.written && held.sources_written)) continue;
    retried_ = relay_index;
    if (!held.written) WriteRemoteRelay(static_cast<uint32_t>(relay_index));
    if (!held.sources_written) WriteSources(static_cast<uint32_t>(relay_index));
    return;
  }
}

void XdpTables::WriteSources(uint32_t relay_index) {
  HeldRelay& held = relays_[relay_index];
  const SourceFlows wanted = SourcesOf(relay_index);
  // What is no longer wanted makes room for the rest. What is in the map stays there, because the
  // map may be full.
  for (const tp_flow_key& key : held.sources) {
    if (wanted.find(key) == wanted.end()) EraseSource(held, key);
  }
  held.sources.clear();
  held.sources_written = true;
  for (const auto& [key, flow] : wanted) {
    tp_flow before;
    const bool is_there = LookUpBpfMap(program_.flows, &key, &before) == 0 &&
                          std::memcmp(&before, &flow, sizeof(flow)) == 0;
    if (is_there || UpdateBpfMap(program_.flows, &key, &flow) == 0) {
      held.sources.push_back(key);
    } else {
      EraseSource(held, key);
      held.sources_written = false;
    }
  }
}

XdpTables::SourceFlows XdpTables::SourcesOf(uint32_t relay_index) const {
  const RemoteRelay& relay = relays_[relay_index].relay;
  SourceFlows flows;
  tp_flow flow{};
  flow.kind = TP_TRUNK_SOURCE;
  flow.relay_index = relay_index;
  flow.generation = relay.generation;
  const auto add = [&](const TransportAddress& source, const IpAddress& ip, uint16_t port) {
    if (source.ip.IsIpv4() != ip.IsIpv4()) return;
    flows.insert_or_assign(MakeKey(source, TransportAddress{ip, port}, 0), flow);
  };
  const std::vector<TransportAddress>& sockets = bound_[static_cast<size_t>(Side::kTrunk)];
  for (const TransportAddress& source : relay.sources) {
    for (size_t i = 0; i < sockets.size(); ++i) {
      const TransportAddress& bound = sockets[i];
      flow.socket = TransportHandle::OfListener(Side::kTrunk, static_cast<uint32_t>(i)).id();
      if (!bound.ip.IsWildcard()) {
        add(source, bound.ip, bound.port);
        continue;
      }
      for (const IpAddress& ip : local_addresses_) {
        if (ip.IsIpv4() == bound.ip.IsIpv4()) add(source, ip, bound.port);
      }
    }
  }
  return flows;
}

void XdpTables::EraseSource(const HeldRelay& held, const tp_flow_key& key) {
  tp_flow flow;
  // Another relay may have this source address now. Its flow stays.
  if (LookUpBpfMap(program_.flows, &key, &flow) != 0) return;
  if (flow.generation == held.relay.generation) DeleteFromBpfMap(program_.flows, &key);
}

void XdpTables::EraseWindows(uint32_t relay_index, uint32_t generation) {
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    const tp_window_key key{relay_index, generation, lane};
    DeleteFromBpfMap(program_.windows, &key);
  }
}

void XdpTables::ShareWindows() {
  for (uint32_t i = 0; i < kWindowsSharedAtOnce; ++i) {
    tp_window_key key;
    if (NextBpfMapKey(program_.windows, &shared_last_, &key) != 0) {
      shared_last_ = tp_window_key{};
      return;
    }
    shared_last_ = key;
    ShareWindow(key);
  }
}

// Publishes the lower bound of the program's replay window, so that workers reject older replays.
// The program passes some replays to the sockets, and the workers have not seen their sequences.
void XdpTables::ShareWindow(const tp_window_key& key) {
  const HeldRelay& held = relays_[key.relay_index];
  tp_window window;
  if (!held.present || held.relay.generation != key.generation) return;
  if (LookUpLockedBpfMap(program_.windows, &key, &window) != 0) return;
  if (window.highest <= TP_WINDOW_REMEMBERED) return;
  const uint64_t too_old = window.highest - TP_WINDOW_REMEMBERED;
  std::atomic<uint64_t>& highest = held.relay.shared->highest_sequence[key.lane];
  uint64_t before = highest.load(std::memory_order_relaxed);
  while (before < too_old &&
         !highest.compare_exchange_weak(before, too_old, std::memory_order_relaxed)) {
  }
}

}  // namespace turnpike
