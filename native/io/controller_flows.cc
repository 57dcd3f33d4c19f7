// The part of Controller that puts and removes flows.
#include "io/clock.h"
#include "io/controller.h"
#include "wire/channel_data.h"

namespace turnpike {

StatusCode Controller::PutClientFlow(uint32_t worker, const FlowKey& key, FlowAction action,
                                     uint32_t lifetime_seconds) {
  const WorkerRange workers = WorkersOf(worker, key.tuple.handle);
  if (workers.first == workers.end) return StatusCode::kInvalid;
  if (const StatusCode status = CheckKey(key, action.kind); status != StatusCode::kOk) {
    return status;
  }
  if (const StatusCode status = CheckAction(worker, key, &action); status != StatusCode::kOk) {
    return status;
  }
  if (!HaveRoom(workers)) return StatusCode::kQueueFull;
  // Checks all tables before any is changed. Undoing a change would number entries differently from
  // the worker's table.
  for (uint32_t i = workers.first; i < workers.end; ++i) {
    if (flows_[i]->full() && !flows_[i]->Has(key)) return StatusCode::kLimit;
  }
  for (uint32_t i = workers.first; i < workers.end; ++i) {
    const bool is_new = flows_[i]->Insert(key, FlowsOf(key.tuple.handle));
    if (is_new && fast_path_ != nullptr) fast_path_->ClearFlowTraffic(FlowSlot(i, key));
  }
  if (fast_path_ != nullptr) {
    // The fast path has one entry for the flow and counts it as the first of these workers would.
    const uint32_t slot = FlowSlot(workers.first, key);
    const uint32_t cell = fast_path_->PutFlow(key, action, slot, ExpiryAfter(lifetime_seconds));
    if (action.kind == FlowAction::Kind::kTrunk) action.sequence_cell = cell;
  }
  Command command{};
  command.kind = Command::Kind::kPutFlow;
  command.flow.key = key;
  command.flow.action = action;
  command.lifetime_seconds = lifetime_seconds;
  for (uint32_t i = workers.first; i < workers.end; ++i) Push(i, command);
  return StatusCode::kOk;
}

StatusCode Controller::CheckKey(const FlowKey& key, FlowAction::Kind kind) {
  if (key.channel == static_cast<uint16_t>(FlowChannel::kNone)) {
    // A peer's. Port 0 stands for all ports of a permission.
    FiveTuple tuple = key.tuple;
    if (tuple.remote.port == 0) tuple.remote.port = 1;
    if (kind != FlowAction::Kind::kClient) return StatusCode::kInvalid;
    return AddressFits(Side::kRelayed, tuple) ? StatusCode::kOk : StatusCode::kAddress;
  }
  if (IsTrunkPeerKey(key)) {
    if (kind != FlowAction::Kind::kTrunk) return StatusCode::kInvalid;
    return AddressFits(Side::kRelayed, key.tuple) ? StatusCode::kOk : StatusCode::kAddress;
  }
  if (IsMovedKey(key) != (kind == FlowAction::Kind::kMoved)) return StatusCode::kInvalid;
  const bool is_send = IsSendKey(key);
  if (is_send != (kind == FlowAction::Kind::kAllocation)) return StatusCode::kInvalid;
  const bool is_data = !is_send && !IsMovedKey(key);
  if (is_data && !IsChannel(key.channel)) return StatusCode::kInvalid;
  return AddressFits(Side::kClient, key.tuple) ? StatusCode::kOk : StatusCode::kAddress;
}

StatusCode Controller::CheckAction(uint32_t worker, const FlowKey& key, FlowAction* action) {
  const bool is_moved = action->kind == FlowAction::Kind::kMoved;
  if (!is_moved && !pool_.buckets().Has(action->bucket)) return StatusCode::kInvalid;
  switch (action->kind) {
    case FlowAction::Kind::kTrunk:
      if (action->relay_index >= relays_.size()) return StatusCode::kInvalid;
      action->generation = relays_[action->relay_index].generation;
      return action->generation == 0 ? StatusCode::kUnknownRelay : StatusCode::kOk;
    case FlowAction::Kind::kClient: {
      const bool as_data = action->channel == static_cast<uint16_t>(FlowChannel::kNone);
      const bool of_peer = key.channel == static_cast<uint16_t>(FlowChannel::kNone);
      if (!IsChannel(action->channel) && !(as_data && of_peer)) return StatusCode::kInvalid;
      if (of_peer) action->relayed_number = RelayedNumberOf(key.tuple);
      return AddressFits(Side::kClient, action->tuple) ? StatusCode::kOk : StatusCode::kAddress;
    }
    case FlowAction::Kind::kPeer:
      action->relayed_number = RelayedNumberOf(action->tuple);
      return AddressFits(Side::kRelayed, action->tuple) ? StatusCode::kOk : StatusCode::kAddress;
    case FlowAction::Kind::kAllocation: {
      const TransportHandle relayed = action->tuple.handle;
      const TransportAddress* const address = BoundTo(Side::kRelayed, relayed);
      if (address == nullptr) return StatusCode::kAddress;
      const bool is_of_family = key.channel == SendKey(key.tuple, address->ip.IsIpv4()).channel;
      // The permissions are in the worker of the endpoint.
      return is_of_family && relayed.worker() == worker ? StatusCode::kOk : StatusCode::kInvalid;
    }
    case FlowAction::Kind::kMoved:
      if (action->worker >= flows_.size()) return StatusCode::kInvalid;
      return AddressFits(Side::kClient, action->tuple) ? StatusCode::kOk : StatusCode::kAddress;
    case FlowAction::Kind::kNone:
      break;
  }
  return StatusCode::kInvalid;
}

uint8_t Controller::RelayedNumberOf(const FiveTuple& peer) const {
  return pool_.relayed_addresses().NumberOf(peer.remote.ip);
}

StatusCode Controller::RefreshClientFlow(uint32_t worker, const FlowKey& key,
                                         uint32_t lifetime_seconds) {
  const WorkerRange workers = WorkersOf(worker);
  if (workers.first == workers.end) return StatusCode::kInvalid;
  if (!HaveRoom(workers)) return StatusCode::kQueueFull;
  Command command{};
  command.kind = Command::Kind::kRefreshFlow;
  command.flow.key = key;
  command.lifetime_seconds = lifetime_seconds;
  bool is_there = false;
  for (uint32_t i = workers.first; i < workers.end; ++i) {
    if (!flows_[i]->Has(key)) continue;
    is_there = true;
    Push(i, command);
  }
  if (is_there && fast_path_ != nullptr) {
    fast_path_->RefreshFlow(key, ExpiryAfter(lifetime_seconds));
  }
  return StatusCode::kOk;
}

StatusCode Controller::RemoveClientFlow(uint32_t worker, const FlowKey& key) {
  const WorkerRange workers = WorkersOf(worker);
  if (workers.first == workers.end) return StatusCode::kInvalid;
  if (!HaveRoomToRemove(workers)) return StatusCode::kQueueFull;
  Command command{};
  command.kind = Command::Kind::kRemoveFlow;
  command.flow.key = key;
  bool was_there = false;
  for (uint32_t i = workers.first; i < workers.end; ++i) {
    if (!flows_[i]->Erase(key, FlowsOf(key.tuple.handle))) continue;
    was_there = true;
    Push(i, command);
  }
  if (was_there && fast_path_ != nullptr) RemoveFromFastPath(key);
  return StatusCode::kOk;
}

void Controller::RemoveFromFastPath(const FlowKey& key) {
  for (uint32_t i = 0; i < flows_.size(); ++i) {
    // Another worker has the flow and numbers its records by the fast path's cell.
    if (flows_[i]->Has(key)) return fast_path_->MoveFlow(key, FlowSlot(i, key));
  }
  fast_path_->RemoveFlow(key);
}

uint32_t Controller::FlowSlot(uint32_t worker, const FlowKey& key) {
  return worker * client_flows_max_ + *flows_[worker]->NumberOf(key);
}

bool Controller::FlowNumber(uint32_t worker, const FlowKey& key, uint32_t* number) {
  if (worker >= flows_.size()) return false;
  // This table gets the same commands in the same order as the worker's, so entries have the same
  // numbers.
  const std::optional<uint32_t> found = flows_[worker]->NumberOf(key);
  if (!found) return false;
  // An allocation's traffic is read right before its entries are removed.
  if (fast_path_ != nullptr) fast_path_->CountFlow(key);
  *number = *found;
  return true;
}

const Flow* Controller::FlowCounters(uint32_t worker, uint32_t number) const {
  if (worker >= flows_.size() || number >= client_flows_max_) return nullptr;
  return &pool_.workers()[worker]->flow(number);
}

StatusCode Controller::SetBandwidth(uint32_t bucket, uint64_t bytes_per_second) {
  if (bucket == 0 || !pool_.buckets().Has(bucket)) return StatusCode::kInvalid;
  BandwidthBuckets& buckets = pool_.buckets();
  // A bound holds at once, in the fast path too.
  if (fast_path_ != nullptr && bytes_per_second > 0) fast_path_->SetAnyBounded(true);
  buckets.SetRate(bucket, bytes_per_second);
  if (fast_path_ != nullptr && !buckets.any_bounded()) fast_path_->SetAnyBounded(false);
  return StatusCode::kOk;
}

}  // namespace turnpike
