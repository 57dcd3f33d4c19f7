#include "xdp/xdp_tables.h"

#include <arpa/inet.h>

#include <algorithm>

#include "xdp/checksum.h"
#include "xdp/coarse_clock.h"
#include "xdp/session_sequence.h"

namespace turnpike {

namespace {

// Gateways and directly reachable peers; beyond that, packets go by the sockets.
constexpr uint32_t kHops = 65'536;
// Lanes in use: a few for each relay that has many, but no more than memory for all would be sane.
constexpr uint32_t kWindowsForEachPeer = 64;
constexpr uint32_t kWindowsMax = 65'536;
// About a millisecond of the lock.
constexpr uint32_t kWindowsSharedAtOnce = 1'024;

tp_address ToShared(const IpAddress& ip) {
  tp_address address;
  std::memcpy(&address, ip.bytes.data(), sizeof(address));
  return address;
}

tp_flow_key MakeKey(const TransportAddress& remote, const TransportAddress& local,
                    uint16_t channel) {
  tp_flow_key key{};
  key.remote = ToShared(remote.ip);
  key.local = ToShared(local.ip);
  key.remote_port = TP_BE16(remote.port);
  key.local_port = TP_BE16(local.port);
  key.channel = TP_BE16(channel);
  return key;
}

static_assert((TP_SOURCE_PORTS & (TP_SOURCE_PORTS - 1)) == 0);
static_assert(TP_SESSION_STARTED == SharedSequences::kStarted);

uint32_t Destinations(const XdpSizes& sizes) {
  return 1 + sizes.client_flows_max + sizes.sessions_max + sizes.trunk_peers_max;
}

// Moves what the program has counted in a cell to where JavaScript reads it.
void CountLeg(uint64_t* carried, uint64_t second, LegTraffic* traffic) {
  if (__atomic_load_n(carried, __ATOMIC_RELAXED) == 0) return;
  const uint64_t more = __atomic_exchange_n(carried, 0, __ATOMIC_RELAXED);
  traffic->Add(more >> TP_CARRIED_BYTES_BITS, more & (TP_CARRIED_PACKET - 1), second);
}

// Relays accept yesterday's to tomorrow's keys, so an older one is of no use.
bool SendKey(const TrunkPeer& peer, uint16_t today, tp_peer* shared) {
  for (const uint16_t epoch : {today, static_cast<uint16_t>(today - 1)}) {
    const SipKey* key = peer.send_keys.Find(epoch);
    if (key == nullptr) continue;
    shared->send_epoch = epoch;
    shared->send_key = tp_key{key->k0, key->k1};
    return true;
  }
  return false;
}

}  // namespace

tp_sizes XdpTables::MapSizes(const XdpSizes& sizes) {
  tp_sizes maps{};
  const uint32_t sources = std::min(sizes.trunk_peers_max * kTrunkSourcesMax, 65'536u);
  maps.flows = sizes.client_flows_max + sources;
  maps.sessions = sizes.sessions_max;
  maps.peers = sizes.trunk_peers_max;
  maps.windows = std::min(sizes.trunk_peers_max * kWindowsForEachPeer, kWindowsMax);
  maps.destinations = Destinations(sizes);
  maps.hops = kHops;
  maps.flow_cells = sizes.client_flows_max + 1;
  maps.session_cells = SessionTable::Places(sizes.sessions_max);
  maps.flows_carried = maps.flow_cells;
  maps.sessions_carried = maps.session_cells;
  maps.traffics = sizes.trunk_peers_max;
  return maps;
}

Status XdpTables::Open(const tp_program& program, const XdpSizes& sizes, XdpAddresses addresses,
                       const XdpLegs& legs) {
  const tp_sizes maps = MapSizes(sizes);
  program_ = program;
  bound_[static_cast<size_t>(Side::kClient)] = std::move(addresses.clients);
  bound_[static_cast<size_t>(Side::kTrunk)] = std::move(addresses.trunks);
  trunk_lane_ports_ = std::move(addresses.trunk_lane_ports);
  peers_.resize(sizes.trunk_peers_max);
  cell_numbers_ = IdPool(maps.flow_cells - 1);
  session_mask_ = maps.session_cells - 1;
  cpus_ = PossibleCpus();
  places_.resize(maps.flow_cells);
  legs_ = legs;
  Status status = settings_.Map(program.settings, 1);
  if (status.ok()) status = flow_cells_.Map(program.flow_cells, maps.flow_cells);
  if (status.ok()) status = session_cells_.Map(program.session_cells, maps.session_cells);
  if (status.ok()) status = flows_carried_.Map(program.flows_carried, maps.flows_carried);
  if (status.ok()) status = sessions_carried_.Map(program.sessions_carried, maps.sessions_carried);
  if (status.ok()) {
    status = next_hops_.Open(program.destinations, maps.destinations, program.hops, maps.hops);
  }
  return status;
}

uint32_t XdpTables::PutFlow(const FlowKey& key, const FlowAction& action, uint32_t place) {
  const tp_flow_key shared_key = KeyOf(key);
  tp_flow before;
  const bool known = LookUpBpfMap(program_.flows, &shared_key, &before) == 0;
  if (!known) legs_.flows[place].Clear();
  if (!IsKnown(key.tuple)) {
    EraseFlow(shared_key);
    return 0;
  }
  tp_flow flow{};
  if (action.kind == FlowAction::Kind::kTrunk) {
    flow.kind = TP_TO_TRUNK;
    flow.relay_index = action.relay_index;
    flow.generation = action.generation;
    flow.session_index = htonl(action.session_index);
    const bool same = known && before.kind == TP_TO_TRUNK && before.generation == flow.generation &&
                      before.session_index == flow.session_index;
    // A repeated put must not look like loss at the other relay.
    if (same) return before.cell;
  } else {
    flow.kind = TP_TO_CLIENT;
    flow.channel = TP_BE16(action.channel);
    flow.path = MakePath(action.tuple);
  }
  flow.socket = key.tuple.handle.id();
  flow.cell = cell_numbers_.Take(CoarseMonotonicNs());
  EraseFlow(shared_key);
  // Without a cell it goes by the sockets.
  if (flow.cell == 0) {
    next_hops_.Release(flow.path.destination);
    return 0;
  }
  __atomic_store_n(&flow_cells_[flow.cell], 0, __ATOMIC_RELAXED);
  __atomic_store_n(&flows_carried_[flow.cell], 0, __ATOMIC_RELAXED);
  places_[flow.cell] = place;
  if (UpdateBpfMap(program_.flows, &shared_key, &flow) == 0) return flow.cell;
  next_hops_.Release(flow.path.destination);
  cell_numbers_.GiveBack(flow.cell, CoarseMonotonicNs());
  return 0;
}

void XdpTables::CountLegs() {
  const uint64_t second = CoarseMonotonicNs() / kNsPerSecond;
  for (uint32_t cell = 1; cell <= cell_numbers_.highest(); ++cell) {
    CountLeg(&flows_carried_[cell], second, &legs_.flows[places_[cell]]);
  }
  for (uint32_t place = 0; place <= session_mask_; ++place) {
    CountLeg(&sessions_carried_[place], second, &legs_.sessions[place]);
  }
}

void XdpTables::RemoveFlow(const FlowKey& key) { EraseFlow(KeyOf(key)); }

void XdpTables::EraseFlow(const tp_flow_key& key) {
  tp_flow flow;
  if (LookUpBpfMap(program_.flows, &key, &flow) != 0) return;
  DeleteFromBpfMap(program_.flows, &key);
  next_hops_.Release(flow.path.destination);
  if (flow.cell != 0) cell_numbers_.GiveBack(flow.cell, CoarseMonotonicNs());
}

void XdpTables::PutSession(const SessionAction& action) {
  tp_session before;
  const bool known = LookUpBpfMap(program_.sessions, &action.index, &before) == 0;
  tp_session session{};
  session.relay_index = action.relay_index;
  session.generation = action.generation;
  session.cell = action.index & session_mask_;
  session.channel = TP_BE16(action.channel);
  session.path = MakePath(action.tuple);
  if (!known || before.generation != session.generation) {
    __atomic_store_n(&session_cells_[session.cell], 0, __ATOMIC_RELAXED);
    __atomic_store_n(&sessions_carried_[session.cell], 0, __ATOMIC_RELAXED);
    legs_.sessions[session.cell].Clear();
  }
  if (UpdateBpfMap(program_.sessions, &action.index, &session) != 0) {
    // The old one must not outlive what the workers have.
    DeleteFromBpfMap(program_.sessions, &action.index);
    next_hops_.Release(session.path.destination);
  }
  if (known) next_hops_.Release(before.path.destination);
}

void XdpTables::RemoveSession(uint32_t index) {
  tp_session session;
  if (LookUpBpfMap(program_.sessions, &index, &session) != 0) return;
  DeleteFromBpfMap(program_.sessions, &index);
  next_hops_.Release(session.path.destination);
}

void XdpTables::PutPeer(uint32_t relay_index, const TrunkPeer& peer) {
  Peer& held = peers_[relay_index];
  const uint32_t destination_before = held.destination;
  const bool is_same = held.present && held.peer.generation == peer.generation;
  if (!is_same) held.lane_set = 0;
  if (is_same && held.peer.lane_offset != peer.lane_offset) ++held.lane_set;
  held.present = true;
  held.peer = TrunkPeer{};
  held.peer.generation = peer.generation;
  held.peer.path = peer.path;
  held.peer.sources = peer.sources;
  held.peer.send_keys = peer.send_keys;
  held.peer.receive_keys = peer.receive_keys;
  held.peer.shared = peer.shared;
  held.peer.lane_offset = peer.lane_offset;
  held.peer.lanes_closed = peer.lanes_closed;
  const TransportAddress local = LocalOf(peer.path);
  held.destination = next_hops_.Acquire(peer.path.remote.ip, local.ip);
  WritePeer(relay_index);
  WriteSources(relay_index);
  next_hops_.Release(destination_before);
}

void XdpTables::RemovePeer(uint32_t relay_index) {
  Peer& held = peers_[relay_index];
  if (!held.present) return;
  EraseSources(held);
  DeleteFromBpfMap(program_.peers, &relay_index);
  next_hops_.Release(held.destination);
  EraseWindows(relay_index, held.peer.generation);
  held = Peer{};
}

void XdpTables::SetToday(uint16_t today) {
  today_ = today;
  __atomic_store_n(&settings_[0].today, today, __ATOMIC_RELAXED);
  for (uint32_t relay_index = 0; relay_index < peers_.size(); ++relay_index) {
    if (peers_[relay_index].present) WritePeer(relay_index);
  }
}

void XdpTables::LeaveOut(uint32_t sockets) {
  __atomic_store_n(&settings_[0].left_out, sockets, __ATOMIC_RELAXED);
}

void XdpTables::SetLocalAddresses(std::vector<IpAddress> addresses) {
  if (addresses == local_addresses_) return;
  local_addresses_ = std::move(addresses);
  for (uint32_t relay_index = 0; relay_index < peers_.size(); ++relay_index) {
    if (!peers_[relay_index].present) continue;
    WriteSources(relay_index);
    WritePeer(relay_index);
  }
}

void XdpTables::WritePeer(uint32_t relay_index) {
  const Peer& held = peers_[relay_index];
  const TransportAddress local = LocalOf(held.peer.path);
  tp_peer shared{};
  shared.generation = held.peer.generation;
  const bool can_send = SendKey(held.peer, today_, &shared) && IsKnown(held.peer.path);
  // Their numbers beyond the upper half are nobody's lanes, so all CPUs change at once or none.
  const uint32_t lane_sets = std::max(TP_LANES / cpus_, 1u);
  shared.lane_first =
      can_send ? static_cast<uint16_t>(TP_LANE_FIRST + held.lane_set % lane_sets * cpus_) : 0;
  for (int i = 0; i < TP_RECEIVE_KEYS; ++i) {
    const uint16_t epoch = static_cast<uint16_t>(today_ - 1 + i);
    const SipKey* key = held.peer.receive_keys.Find(epoch);
    if (key == nullptr) continue;
    shared.receive[i] = tp_receive_key{tp_key{key->k0, key->k1}, epoch, 1};
  }
  const std::vector<uint16_t>& lanes = trunk_lane_ports_[held.peer.path.handle.index()];
  for (size_t i = 0; i < TP_SOURCE_PORTS; ++i) {
    const size_t lane = lanes.empty() ? 0 : i % lanes.size();
    const bool closed = lanes.empty() || (held.peer.lanes_closed >> lane & 1) != 0;
    shared.source_ports[i] = TP_BE16(closed ? local.port : lanes[lane]);
  }
  shared.path.remote = ToShared(held.peer.path.remote.ip);
  shared.path.local = ToShared(local.ip);
  shared.path.remote_port = TP_BE16(held.peer.path.remote.port);
  shared.path.local_port = TP_BE16(local.port);
  shared.path.destination = held.destination;
  shared.path.is_ipv4 = held.peer.path.remote.ip.IsIpv4();
  shared.path.socket = held.peer.path.handle.id();
  tp_set_path_sums(&shared.path);
  // Without room for the new one the old one goes, as the workers have the new one.
  if (UpdateBpfMap(program_.peers, &relay_index, &shared) != 0)
    DeleteFromBpfMap(program_.peers, &relay_index);
}

void XdpTables::WriteSources(uint32_t relay_index) {
  Peer& held = peers_[relay_index];
  EraseSources(held);
  tp_flow flow{};
  flow.kind = TP_TRUNK_SOURCE;
  flow.relay_index = relay_index;
  flow.generation = held.peer.generation;
  const auto put = [&](const TransportAddress& source, const IpAddress& ip, uint16_t port) {
    if (source.ip.IsIpv4() != ip.IsIpv4()) return;
    const tp_flow_key key = MakeKey(source, TransportAddress{ip, port}, 0);
    if (UpdateBpfMap(program_.flows, &key, &flow) == 0) held.sources.push_back(key);
  };
  const std::vector<TransportAddress>& sockets = bound_[static_cast<size_t>(Side::kTrunk)];
  for (const TransportAddress& source : held.peer.sources) {
    for (size_t i = 0; i < sockets.size(); ++i) {
      const TransportAddress& bound = sockets[i];
      flow.socket = TransportHandle::OfListener(Side::kTrunk, static_cast<uint32_t>(i)).id();
      if (!bound.ip.IsWildcard()) {
        put(source, bound.ip, bound.port);
        continue;
      }
      for (const IpAddress& ip : local_addresses_) {
        if (ip.IsIpv4() == bound.ip.IsIpv4()) put(source, ip, bound.port);
      }
    }
  }
}

void XdpTables::EraseSources(Peer& peer) {
  for (const tp_flow_key& key : peer.sources) {
    tp_flow flow;
    // A source that another relay has by now is that one's.
    if (LookUpBpfMap(program_.flows, &key, &flow) != 0) continue;
    if (flow.generation == peer.peer.generation) DeleteFromBpfMap(program_.flows, &key);
  }
  peer.sources.clear();
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

// A replay that the program passes up finds workers that never saw its number. What they would
// otherwise take at any later time they so take no longer than the program's window remembers.
void XdpTables::ShareWindow(const tp_window_key& key) {
  const Peer& held = peers_[key.relay_index];
  tp_window window;
  if (!held.present || held.peer.generation != key.generation) return;
  if (LookUpLockedBpfMap(program_.windows, &key, &window) != 0) return;
  if (window.highest <= TP_WINDOW_REMEMBERED) return;
  const uint64_t too_old = window.highest - TP_WINDOW_REMEMBERED;
  std::atomic<uint64_t>& highest = held.peer.shared->highest_sequence[key.lane];
  uint64_t before = highest.load(std::memory_order_relaxed);
  while (before < too_old &&
         !highest.compare_exchange_weak(before, too_old, std::memory_order_relaxed)) {
  }
}

const TransportAddress& XdpTables::BoundTo(TransportHandle listener) const {
  return bound_[static_cast<size_t>(listener.side())][listener.index()];
}

TransportAddress XdpTables::LocalOf(const FiveTuple& tuple) const {
  TransportAddress local = BoundTo(tuple.handle);
  if (!tuple.local.IsNone()) local.ip = tuple.local;
  // Where the kernel would choose the address, the fast path leaves it to the kernel.
  if (local.ip.IsWildcard()) local.ip = IpAddress{};
  return local;
}

bool XdpTables::IsKnown(const FiveTuple& tuple) const {
  return !BoundTo(tuple.handle).ip.IsWildcard() ||
         std::count(local_addresses_.begin(), local_addresses_.end(), tuple.local) > 0;
}

tp_flow_key XdpTables::KeyOf(const FlowKey& key) const {
  return MakeKey(key.tuple.remote, LocalOf(key.tuple), key.channel);
}

tp_path XdpTables::MakePath(const FiveTuple& tuple) {
  const TransportAddress local = LocalOf(tuple);
  const TransportAddress& remote = tuple.remote;
  tp_path path{};
  path.socket = tuple.handle.id();
  path.remote = ToShared(remote.ip);
  path.local = ToShared(local.ip);
  path.remote_port = TP_BE16(remote.port);
  path.local_port = TP_BE16(local.port);
  path.is_ipv4 = remote.ip.IsIpv4();
  // Destination 0 cannot be reached.
  if (IsKnown(tuple)) path.destination = next_hops_.Acquire(remote.ip, local.ip);
  tp_set_path_sums(&path);
  return path;
}

}  // namespace turnpike
