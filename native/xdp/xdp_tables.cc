#include "xdp/xdp_tables.h"

#include <algorithm>
#include <numeric>

#include "xdp/checksum.h"
#include "xdp/coarse_clock.h"
#include "xdp/session_sequence.h"
#include "xdp/shared_addresses.h"

namespace turnpike {

namespace {

// Neighbours in use: gateways and directly reachable hosts. Packets to further ones go through the
// sockets.
constexpr uint32_t kHops = 65'536;
// Replay windows: 64 for each relay, but no more than kWindowsMax in all, to bound kernel memory.
constexpr uint32_t kWindowsForEachRelay = 64;
constexpr uint32_t kWindowsMax = 65'536;

static_assert(TP_SESSION_STARTED == SharedSequences::kStarted);
static_assert(TP_BURST_BYTES_MIN == kBurstBytesMin);
static_assert(sizeof(tp_bucket) == sizeof(BandwidthBuckets::Cell));
static_assert(offsetof(tp_bucket, bytes_per_second) == sizeof(std::atomic<uint64_t>));
static_assert(std::atomic<uint64_t>::is_always_lock_free);

uint32_t Destinations(const XdpSizes& sizes) {
  return 1 + sizes.client_flows_max + sizes.sessions_max + sizes.remote_relays_max;
}

// Moves the counts of a cell to memory that JavaScript reads.
void CountLeg(uint64_t* carried, uint64_t second, LegTraffic* traffic) {
  if (__atomic_load_n(carried, __ATOMIC_RELAXED) == 0) return;
  const uint64_t more = __atomic_exchange_n(carried, 0, __ATOMIC_RELAXED);
  traffic->Add(more >> TP_CARRIED_BYTES_BITS, more & (TP_CARRIED_PACKET - 1), second);
}

}  // namespace

tp_sizes XdpTables::MapSizes(const XdpSizes& sizes) {
  tp_sizes maps{};
  const uint32_t sources = std::min(sizes.remote_relays_max * kTrunkSourcesMax, 65'536u);
  maps.flows = sizes.client_flows_max + sources;
  maps.sessions = sizes.sessions_max;
  maps.relays = sizes.remote_relays_max;
  maps.windows = std::min(sizes.remote_relays_max * kWindowsForEachRelay, kWindowsMax);
  maps.destinations = Destinations(sizes);
  maps.hops = kHops;
  maps.flow_cells = sizes.client_flows_max + 1;
  maps.session_cells = SessionTable::Slots(sizes.sessions_max);
  maps.flows_carried = maps.flow_cells;
  maps.sessions_carried = maps.session_cells;
  // A channel has two flows and one user; the lowest numbers are used first.
  maps.buckets = std::min(sizes.client_flows_max / 2, kBandwidthBucketsMax) + 1;
  maps.traffics = sizes.remote_relays_max;
  return maps;
}

Status XdpTables::Open(const tp_program& program, const XdpSizes& sizes, XdpAddresses addresses,
                       const XdpLegs& legs) {
  const tp_sizes maps = MapSizes(sizes);
  program_ = program;
  bound_[static_cast<size_t>(Side::kClient)] = std::move(addresses.clients);
  bound_[static_cast<size_t>(Side::kTrunk)] = std::move(addresses.trunks);
  trunk_lane_ports_ = std::move(addresses.trunk_lane_ports);
  relayed_ips_ = std::move(addresses.relayed_ips);
  relays_.resize(sizes.remote_relays_max);
  cell_numbers_ = IdPool(maps.flow_cells - 1);
  session_mask_ = maps.session_cells - 1;
  cpus_ = PossibleCpus();
  cells_.resize(maps.flow_cells);
  // An index that belongs to the slot.
  session_indexes_.resize(maps.session_cells);
  std::iota(session_indexes_.begin(), session_indexes_.end(), 0u);
  legs_ = legs;
  flows_.Open(program.flows);
  sessions_.Open(program.sessions);
  Status status = settings_.Map(program.settings, 1);
  if (status.ok()) status = flow_cells_.Map(program.flow_cells, maps.flow_cells);
  if (status.ok()) status = session_cells_.Map(program.session_cells, maps.session_cells);
  if (status.ok()) status = flows_carried_.Map(program.flows_carried, maps.flows_carried);
  if (status.ok()) status = sessions_carried_.Map(program.sessions_carried, maps.sessions_carried);
  if (status.ok()) status = buckets_.Map(program.buckets, maps.buckets);
  buckets_count_ = maps.buckets;
  if (status.ok()) {
    status = next_hops_.Open(program.destinations, maps.destinations, program.hops, maps.hops);
  }
  return status;
}

void XdpTables::CountLegs() {
  const uint64_t second = CoarseMonotonicNs() / kNsPerSecond;
  for (uint32_t cell = 1; cell <= cell_numbers_.highest(); ++cell) {
    if (cells_[cell].slot != kNoSlot) CountCell(cell, second);
  }
  for (uint32_t slot = 0; slot <= session_mask_; ++slot) {
    CountLeg(&sessions_carried_[slot], second, &legs_.sessions[slot]);
  }
}

void XdpTables::CountCell(uint32_t cell, uint64_t second) {
  CountLeg(&flows_carried_[cell], second, &legs_.flows[cells_[cell].slot]);
}

void XdpTables::PutSession(const SessionAction& action, Expiry expiry) {
  tp_session session{};
  session.relay_index = action.relay_index;
  session.generation = action.generation;
  session.cell = action.index & session_mask_;
  session.expires = expiry.second();
  session.channel = TP_BE16(action.channel);
  session.path = MakePath(action.tuple);
  uint32_t& index_before = session_indexes_[session.cell];
  // As in a worker, whose table has one session at a slot.
  if (index_before != action.index) RemoveSession(index_before);
  index_before = action.index;
  tp_session before;
  const bool known = sessions_.Find(action.index, &before);
  if (!known || before.generation != session.generation) {
    __atomic_store_n(&session_cells_[session.cell], 0, __ATOMIC_RELAXED);
    __atomic_store_n(&sessions_carried_[session.cell], 0, __ATOMIC_RELAXED);
    legs_.sessions[session.cell].Clear();
  }
  sessions_.Put(action.index, session);
  if (known) next_hops_.Release(before.path.destination);
}

void XdpTables::RefreshSession(uint32_t index, Expiry expiry) {
  tp_session session;
  if (!sessions_.Find(index, &session)) return;
  session.expires = expiry.second();
  sessions_.Put(index, session);
}

void XdpTables::RemoveSession(uint32_t index) {
  tp_session session;
  if (!sessions_.Find(index, &session)) return;
  sessions_.Remove(index);
  next_hops_.Release(session.path.destination);
}

void XdpTables::LeaveOut(uint64_t sockets) {
  __atomic_store_n(&settings_[0].left_out, sockets, __ATOMIC_RELAXED);
}

void XdpTables::SetLocalAddresses(std::vector<IpAddress> addresses) {
  if (addresses == local_addresses_) return;
  local_addresses_ = std::move(addresses);
  for (uint32_t relay_index = 0; relay_index < relays_.size(); ++relay_index) {
    if (!relays_[relay_index].present) continue;
    WriteSources(relay_index);
    WriteRemoteRelay(relay_index);
  }
}

const TransportAddress& XdpTables::BoundTo(TransportHandle handle) const {
  if (handle.IsListener()) return bound_[static_cast<size_t>(handle.side())][handle.index()];
  const auto relayed = relayed_.find(handle.ToNumber());
  return relayed == relayed_.end() ? not_ours_ : relayed->second.address;
}

uint16_t XdpTables::SocketOf(TransportHandle handle) const {
  if (handle.IsListener()) return handle.id();
  const auto relayed = relayed_.find(handle.ToNumber());
  return relayed == relayed_.end() ? 0 : relayed->second.socket;
}

TransportAddress XdpTables::LocalOf(const FiveTuple& tuple) const {
  TransportAddress local = BoundTo(tuple.handle);
  if (!tuple.local.IsNone()) local.ip = tuple.local;
  // For a wildcard address the kernel selects the source address, so the fast path does not send.
  if (local.ip.IsWildcard()) local.ip = IpAddress{};
  return local;
}

bool XdpTables::IsKnown(const FiveTuple& tuple) const {
  if (!BoundTo(tuple.handle).ip.IsWildcard()) return true;
  const auto& local = local_addresses_;
  return tuple.handle.IsListener() && std::count(local.begin(), local.end(), tuple.local) > 0;
}

tp_flow_key XdpTables::KeyOf(const FlowKey& key) const {
  return MakeKey(key.tuple.remote, LocalOf(key.tuple), key.channel);
}

tp_path XdpTables::MakePath(const FiveTuple& tuple) {
  const TransportAddress local = LocalOf(tuple);
  const TransportAddress& remote = tuple.remote;
  tp_path path{};
  path.socket = SocketOf(tuple.handle);
  path.remote = ToShared(remote.ip);
  path.local = ToShared(local.ip);
  path.remote_port = TP_BE16(remote.port);
  path.local_port = TP_BE16(local.port);
  path.is_ipv4 = remote.ip.IsIpv4();
  // Destination 0 is unreachable.
  if (IsKnown(tuple)) path.destination = next_hops_.Acquire(remote.ip, local.ip);
  tp_set_path_sums(&path);
  return path;
}

}  // namespace turnpike
