// The part of Controller that opens and closes endpoints.
#include "io/controller.h"
#include "io/endpoint.h"

namespace turnpike {

using State = EndpointRecord::State;

StatusCode Controller::OpenEndpoint(uint32_t worker, EndpointKind kind,
                                    const TransportAddress& address, TransportHandle* handle) {
  if (worker >= flows_.size() || kind > EndpointKind::kRelayed) return StatusCode::kInvalid;
  // The flows of peers have no local address.
  if (kind == EndpointKind::kRelayed && address.ip.IsWildcard()) return StatusCode::kInvalid;
  if (!HasRoomForEndpoints(worker)) return StatusCode::kQueueFull;
  EndpointRecord* const record = endpoints_.Add(worker, Transport::kUdp);
  if (record == nullptr) return StatusCode::kLimit;
  record->side = SideOf(kind);
  record->address = address;
  *handle = record->handle;
  Command command{};
  command.kind = Command::Kind::kOpenEndpoint;
  std::construct_at(&command.endpoint, Command::EndpointOpen{record->handle, kind, address});
  ++unanswered_[worker];
  Push(worker, command);
  return StatusCode::kOk;
}

StatusCode Controller::CloseEndpoint(TransportHandle handle) {
  if (handle.IsListener()) return StatusCode::kInvalid;
  EndpointRecord* const record = endpoints_.Find(handle);
  if (record == nullptr || record->state == State::kClosing) return StatusCode::kOk;
  // The handle of an opening endpoint is not published yet.
  if (record->state == State::kOpening) return StatusCode::kInvalid;
  record->state = State::kEmptying;
  RemoveFromFastPath(*record);
  const uint32_t worker = handle.worker();
  if (!HasRoomToClose(worker) || !RemoveEntries(*record)) return StatusCode::kQueueFull;
  record->state = State::kClosing;
  Command command{};
  command.kind = Command::Kind::kCloseEndpoint;
  std::construct_at(&command.endpoint, Command::EndpointOpen{handle, {}, {}});
  ++unanswered_[worker];
  ++closing_[worker];
  Push(worker, command);
  return StatusCode::kOk;
}

bool Controller::HasRoomForEndpoints(uint32_t worker) const {
  return unanswered_[worker] < kEndpointCommandsMax &&
         pool_.workers()[worker]->commands().HasRoom();
}

bool Controller::HasRoomToClose(uint32_t worker) const {
  return closing_[worker] < kEndpointCommandsPerTurn && HasRoomForEndpoints(worker);
}

bool Controller::RemoveEntries(EndpointRecord& record) {
  const uint32_t worker = record.handle.worker();
  const CommandQueue& commands = pool_.workers()[worker]->commands();
  FlowRecords& flows = *flows_[worker];
  while (record.flows != FlowRecords::kNoFlow) {
    if (!commands.HasRoomToRemove()) return false;
    const FlowKey key = flows.KeyOf(record.flows);
    flows.Erase(key, &record.flows);
    if (fast_path_ != nullptr) fast_path_->RemoveFlow(key);
    Command command{};
    command.kind = Command::Kind::kRemoveFlow;
    command.flow.key = key;
    Push(worker, command);
  }
  for (auto client = record.known_clients.begin(); client != record.known_clients.end();) {
    if (!commands.HasRoomToRemove()) return false;
    Command command{};
    command.kind = Command::Kind::kRemoveKnownClient;
    command.flow.key.tuple = *client;
    Push(worker, command);
    client = record.known_clients.erase(client);
  }
  return true;
}

void Controller::RemoveFromFastPath(const EndpointRecord& record) {
  const bool has_flows = fast_path_ != nullptr && record.side == Side::kRelayed;
  if (has_flows) fast_path_->RemoveRelayed(record.handle);
}

uint32_t* Controller::FlowsOf(TransportHandle handle) {
  EndpointRecord* const record = endpoints_.Find(handle);
  return record == nullptr ? nullptr : &record->flows;
}

const TransportAddress* Controller::BoundTo(Side side, TransportHandle handle) {
  if (!handle.IsListener()) {
    const EndpointRecord* const record = endpoints_.Find(handle);
    const bool is_open = record != nullptr && record->IsOpen() && record->side == side;
    return is_open ? &record->address : nullptr;
  }
  const std::vector<TransportAddress>& addresses = pool_.addresses(side);
  const bool is_there = handle.side() == side && handle.index() < addresses.size();
  return is_there ? &addresses[handle.index()] : nullptr;
}

Controller::WorkerRange Controller::WorkersOf(uint32_t worker, TransportHandle handle) const {
  if (handle.IsListener()) return WorkersOf(worker);
  const bool receives = worker == kEveryWorker || worker == handle.worker();
  return receives ? WorkersOf(handle.worker()) : WorkerRange{0, 0};
}

}  // namespace turnpike
