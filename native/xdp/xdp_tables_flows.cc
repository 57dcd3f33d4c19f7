// The part of XdpTables about flows and relayed endpoints.
#include <arpa/inet.h>

#include <algorithm>

#include "wire/channel_data.h"
#include "xdp/checksum.h"
#include "xdp/coarse_clock.h"
#include "xdp/xdp_tables.h"

namespace turnpike {

namespace {

constexpr uint16_t kNoChannel = static_cast<uint16_t>(FlowChannel::kNone);

// Whether a flow is that of a client's ChannelData, else of what a peer sends.
bool IsOfChannelData(const FlowKey& key) { return IsChannel(key.channel); }

}  // namespace

void XdpTables::AddRelayed(TransportHandle relayed, const TransportAddress& bound) {
  const auto last = relayed_ips_.begin() +
                    std::min<std::ptrdiff_t>(std::ssize(relayed_ips_), kRelayedIpsForwardedMax);
  const auto ip = std::find(relayed_ips_.begin(), last, bound.ip);
  if (ip == last) return;
  const auto socket = static_cast<uint16_t>(TP_RELAYED_FIRST + (ip - relayed_ips_.begin()));
  relayed_.insert_or_assign(relayed.ToNumber(), Relayed{bound, socket, {}});
}

void XdpTables::RemoveRelayed(TransportHandle relayed) {
  const auto found = relayed_.find(relayed.ToNumber());
  if (found == relayed_.end()) return;
  const auto flows = std::move(found->second.flows);
  relayed_.erase(found);
  for (const tp_flow_key& key : flows) {
    tp_flow flow;
    if (flows_.Find(key, &flow)) DropFlow(key, flow);
  }
}

XdpTables::Relayed* XdpTables::RelayedOf(const FlowKey& key, const FlowAction& action) {
  // What one relayed endpoint sends to another is delivered by the workers.
  if (action.relayed_number != 0) return nullptr;
  const bool to_peer = action.kind == FlowAction::Kind::kPeer && IsOfChannelData(key);
  // A permission has port 0. Without a channel the client gets Data indications.
  const bool from_peer = action.kind == FlowAction::Kind::kClient && key.channel == kNoChannel &&
                         key.tuple.remote.port != 0 && action.channel != kNoChannel;
  if (!to_peer && !from_peer) return nullptr;
  const TransportHandle client = to_peer ? key.tuple.handle : action.tuple.handle;
  const TransportHandle handle = to_peer ? action.tuple.handle : key.tuple.handle;
  const auto relayed = relayed_.find(handle.ToNumber());
  return client.IsListener() && relayed != relayed_.end() ? &relayed->second : nullptr;
}

uint32_t XdpTables::PutFlow(const FlowKey& key, const FlowAction& action, uint32_t slot,
                            Expiry expiry) {
  const bool is_client = IsOfChannelData(key) && key.tuple.handle.IsListener();
  if (is_client && action.kind == FlowAction::Kind::kTrunk) {
    return PutTrunkFlow(key, action, slot, expiry);
  }
  Relayed* const relayed = RelayedOf(key, action);
  const bool to_client = is_client && action.kind == FlowAction::Kind::kClient;
  // The workers alone take from a bucket that the program does not have.
  if ((relayed != nullptr || to_client) && action.bucket < buckets_count_) {
    return PutPathFlow(key, action, slot, expiry, relayed);
  }
  // It may have replaced a flow that the program has.
  RemoveFlow(key);
  return 0;
}

uint32_t XdpTables::PutTrunkFlow(const FlowKey& key, const FlowAction& action, uint32_t slot,
                                 Expiry expiry) {
  const tp_flow_key shared_key = KeyOf(key);
  tp_flow before;
  const bool known = flows_.Find(shared_key, &before);
  tp_flow flow{};
  flow.kind = TP_TO_TRUNK;
  flow.relay_index = action.relay_index;
  flow.generation = action.generation;
  flow.session_index = htonl(action.session_index);
  const bool same = known && before.kind == TP_TO_TRUNK && before.generation == flow.generation &&
                    before.session_index == flow.session_index;
  // A repeated put keeps the cell, so that its sequence does not look like loss to the other
  // relay. So a flow that found no free cell has none until it is removed.
  if (same) {
    before.expires = expiry.second();
    StoreFlow(key.tuple, shared_key, before);
    return before.cell;
  }
  flow.socket = SocketOf(key.tuple.handle);
  flow.expires = expiry.second();
  flow.cell = TakeCell(Cell{slot, 0});
  StoreFlow(key.tuple, shared_key, flow);
  if (known) ReleaseFlow(shared_key, before);
  return flow.cell;
}

uint32_t XdpTables::PutPathFlow(const FlowKey& key, const FlowAction& action, uint32_t slot,
                                Expiry expiry, Relayed* relayed) {
  const tp_flow_key shared_key = KeyOf(key);
  tp_flow before;
  const bool known = flows_.Find(shared_key, &before);
  tp_flow flow{};
  flow.kind = relayed == nullptr                       ? TP_TO_CLIENT
              : action.kind == FlowAction::Kind::kPeer ? TP_TO_PEER
                                                       : TP_FROM_PEER;
  if (flow.kind != TP_TO_PEER) flow.channel = TP_BE16(action.channel);
  flow.bucket = action.bucket;
  flow.socket = SocketOf(key.tuple.handle);
  flow.expires = expiry.second();
  const TransportHandle of = flow.kind == TP_TO_PEER ? action.tuple.handle : key.tuple.handle;
  const Cell cell{slot, relayed == nullptr ? 0 : of.ToNumber()};
  // A repeated put keeps the cell, since another may not be free.
  const bool keeps =
      known && before.kind == flow.kind && before.cell != 0 && cells_[before.cell] == cell;
  flow.cell = keeps ? before.cell : TakeCell(cell);
  if (flow.cell == 0) {
    // Nothing would count its packets.
    if (known) DropFlow(shared_key, before);
    return 0;
  }
  flow.path = MakePath(action.tuple);
  StoreFlow(key.tuple, shared_key, flow);
  if (keeps) {
    next_hops_.Release(before.path.destination);
  } else if (known) {
    ReleaseFlow(shared_key, before);
  }
  if (relayed != nullptr) relayed->flows.insert(shared_key);
  return flow.cell;
}

uint32_t XdpTables::TakeCell(const Cell& of) {
  const uint32_t cell = cell_numbers_.Take(CoarseMonotonicNs());
  if (cell == 0) return 0;
  __atomic_store_n(&flow_cells_[cell], 0, __ATOMIC_RELAXED);
  __atomic_store_n(&flows_carried_[cell], 0, __ATOMIC_RELAXED);
  cells_[cell] = of;
  return cell;
}

void XdpTables::RefreshFlow(const FlowKey& key, Expiry expiry) {
  tp_flow flow;
  if (!IsOurs(key.tuple.handle)) return;
  const tp_flow_key shared_key = KeyOf(key);
  if (!flows_.Find(shared_key, &flow)) return;
  flow.expires = expiry.second();
  StoreFlow(key.tuple, shared_key, flow);
}

void XdpTables::StoreFlow(const FiveTuple& tuple, const tp_flow_key& key, const tp_flow& flow) {
  // Without a cell nothing counts the flow's packets.
  flows_.Put(key, flow, flow.cell != 0 && IsKnown(tuple));
}

void XdpTables::RemoveFlow(const FlowKey& key) {
  tp_flow flow;
  if (!IsOurs(key.tuple.handle)) return;
  const tp_flow_key shared_key = KeyOf(key);
  if (flows_.Find(shared_key, &flow)) DropFlow(shared_key, flow);
}

void XdpTables::DropFlow(const tp_flow_key& key, const tp_flow& flow) {
  flows_.Remove(key);
  ReleaseFlow(key, flow);
}

void XdpTables::ReleaseFlow(const tp_flow_key& key, const tp_flow& flow) {
  next_hops_.Release(flow.path.destination);
  if (flow.cell == 0) return;
  const uint64_t now_ns = CoarseMonotonicNs();
  // Another flow may have the slot next.
  CountCell(flow.cell, now_ns / kNsPerSecond);
  Cell& cell = cells_[flow.cell];
  if (const auto relayed = relayed_.find(cell.relayed); relayed != relayed_.end()) {
    relayed->second.flows.erase(key);
  }
  cell = Cell{};
  cell_numbers_.GiveBack(flow.cell, now_ns);
}

void XdpTables::MoveFlow(const FlowKey& key, uint32_t slot) {
  tp_flow flow;
  if (!IsOurs(key.tuple.handle) || !flows_.Find(KeyOf(key), &flow) || flow.cell == 0) return;
  if (cells_[flow.cell].slot == slot) return;
  CountCell(flow.cell, CoarseMonotonicNs() / kNsPerSecond);
  cells_[flow.cell].slot = slot;
}

void XdpTables::CountFlow(const FlowKey& key) {
  tp_flow flow;
  if (!IsOurs(key.tuple.handle) || !flows_.Find(KeyOf(key), &flow) || flow.cell == 0) return;
  CountCell(flow.cell, CoarseMonotonicNs() / kNsPerSecond);
}

}  // namespace turnpike
