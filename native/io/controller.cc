#include "io/controller.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/clock.h"
#include "wire/channel_data.h"

namespace turnpike {

Controller::Controller(WorkerPool& pool, const PlaneOptions& options)
    : pool_(pool),
      counters_(options.counters + options.workers * kCounterRowCells),
      session_slots_(SessionTable::Slots(options.sessions_max)),
      sessions_max_(options.sessions_max),
      client_flows_max_(options.client_flows_max),
      trunk_mtu_bytes_(options.trunk_mtu_bytes),
      relays_(options.remote_relays_max),
      beats_(options.workers),
      unanswered_(options.workers),
      closing_(options.workers) {}

Status Controller::Allocate(const PlaneOptions& options) {
  SipKey hash_key;
  if (getrandom(&hash_key, sizeof(hash_key), 0) != sizeof(hash_key)) {
    return Status::System("cannot read random bytes", errno);
  }
  endpoints_.Start(options.workers, hash_key);
  for (uint32_t i = 0; i < options.workers; ++i) {
    flows_.push_back(std::make_unique<FlowRecords>());
    Status status = flows_.back()->Allocate(options.client_flows_max, hash_key);
    if (!status.ok()) return status;
  }
  return {};
}

void Controller::UseFastPath(FastPath* fast_path) {
  fast_path_ = fast_path;
  pool_.buckets().Share(fast_path->shared_buckets());
  Command command{};
  command.kind = Command::Kind::kShareSequences;
  std::construct_at(&command.shared_sequences, fast_path->shared_sequences());
  PushToAll(command);
}

StatusCode Controller::PutSession(uint32_t index, SessionAction action, uint32_t lifetime_seconds) {
  if (!IsSession(index) || action.relay_index >= relays_.size()) return StatusCode::kInvalid;
  if (!IsChannel(action.channel) && !action.IsToRelayed()) return StatusCode::kInvalid;
  action.generation = relays_[action.relay_index].generation;
  if (action.generation == 0) return StatusCode::kUnknownRelay;
  const Side side = action.IsToRelayed() ? Side::kRelayed : Side::kClient;
  if (!AddressFits(side, action.tuple)) return StatusCode::kAddress;
  if (!AllHaveRoom()) return StatusCode::kQueueFull;
  Command command{};
  command.kind = Command::Kind::kPutSession;
  command.index = index;
  action.index = index;
  if (fast_path_ != nullptr && action.IsToRelayed()) {
    // Workers alone deliver it. It may have replaced a session that the fast path has.
    fast_path_->RemoveSession(index);
  } else if (fast_path_ != nullptr) {
    fast_path_->PutSession(action, ExpiryAfter(lifetime_seconds));
  }
  std::construct_at(&command.session, action);
  command.lifetime_seconds = lifetime_seconds;
  PushToAll(command);
  return StatusCode::kOk;
}

StatusCode Controller::RefreshSession(uint32_t index, uint32_t lifetime_seconds) {
  if (!IsSession(index)) return StatusCode::kInvalid;
  if (!AllHaveRoom()) return StatusCode::kQueueFull;
  if (fast_path_ != nullptr) fast_path_->RefreshSession(index, ExpiryAfter(lifetime_seconds));
  Command command{};
  command.kind = Command::Kind::kRefreshSession;
  command.index = index;
  command.lifetime_seconds = lifetime_seconds;
  PushToAll(command);
  return StatusCode::kOk;
}

StatusCode Controller::RemoveSession(uint32_t index) {
  if (!IsSession(index)) return StatusCode::kInvalid;
  if (!HaveRoomToRemove(WorkersOf(kEveryWorker))) return StatusCode::kQueueFull;
  if (fast_path_ != nullptr) fast_path_->RemoveSession(index);
  Command command{};
  command.kind = Command::Kind::kRemoveSession;
  command.index = index;
  PushToAll(command);
  return StatusCode::kOk;
}

StatusCode Controller::PutRemoteRelay(uint32_t relay_index, const RemoteRelaySpec& spec) {
  if (relay_index >= relays_.size()) return StatusCode::kInvalid;
  if (spec.sources.size() > kTrunkSourcesMax || spec.paths.size() > kTrunkPathsMax ||
      spec.lane_offset >= kProbeLaneFirst || spec.lane_offset % kWorkersMax != 0 ||
      (spec.bundle_bytes_max != 0 && spec.bundle_bytes_max < kTrunkMtuBytesMin)) {
    return StatusCode::kInvalid;
  }
  if (!AddressFits(Side::kTrunk, spec.path)) return StatusCode::kAddress;
  if (!AllHaveRoom()) return StatusCode::kQueueFull;
  RelayEntry& entry = relays_[relay_index];
  if (entry.generation == 0) {
    entry.generation = next_generation_++;
    // New for each relay: a worker that has not yet removed the previous relay of this index must
    // not write to this one's windows.
    entry.shared = std::make_shared<RemoteRelayShared>();
  }
  for (uint32_t worker = 0; worker < flows_.size(); ++worker) {
    Command command{};
    command.kind = Command::Kind::kPutRemoteRelay;
    command.index = relay_index;
    std::construct_at(&command.relay, MakeRemoteRelay(spec, entry).release());
    if (worker == 0 && fast_path_ != nullptr)
      fast_path_->PutRemoteRelay(relay_index, *command.relay);
    Push(worker, command);
  }
  return StatusCode::kOk;
}

std::unique_ptr<RemoteRelay> Controller::MakeRemoteRelay(const RemoteRelaySpec& spec,
                                                         const RelayEntry& entry) const {
  auto relay = std::make_unique<RemoteRelay>();
  relay->generation = entry.generation;
  relay->path = spec.path;
  relay->sources = spec.sources;
  relay->send_keys = spec.send_keys;
  relay->receive_keys = spec.receive_keys;
  relay->records_max = spec.records_max;
  relay->shared = entry.shared;
  relay->lane_offset = spec.lane_offset;
  relay->bundle_bytes_max = spec.bundle_bytes_max == 0
                                ? trunk_mtu_bytes_
                                : std::min(spec.bundle_bytes_max, trunk_mtu_bytes_);
  relay->lanes_closed = spec.lanes_closed;
  relay->paths = spec.paths;
  return relay;
}

StatusCode Controller::RemoveRemoteRelay(uint32_t relay_index) {
  if (relay_index >= relays_.size()) return StatusCode::kInvalid;
  if (relays_[relay_index].generation == 0) return StatusCode::kOk;
  if (!AllHaveRoom()) return StatusCode::kQueueFull;
  relays_[relay_index] = RelayEntry{};
  if (fast_path_ != nullptr) fast_path_->RemoveRemoteRelay(relay_index);
  Command command{};
  command.kind = Command::Kind::kRemoveRemoteRelay;
  command.index = relay_index;
  PushToAll(command);
  return StatusCode::kOk;
}

StatusCode Controller::Probe(uint32_t relay_index, uint32_t number, const ProbeSpec* spec) {
  if (relay_index >= relays_.size()) return StatusCode::kInvalid;
  if (relays_[relay_index].generation == 0) return StatusCode::kUnknownRelay;
  Command command{};
  command.kind = Command::Kind::kProbe;
  command.index = relay_index;
  Command::ProbeSend probe;
  probe.number = number;
  uint32_t worker = 0;
  if (spec != nullptr) {
    if (!AddressFits(Side::kTrunk, spec->path)) return StatusCode::kAddress;
    const bool fits =
        spec->bytes == 0 || (spec->bytes >= kPathProbeBytes && spec->bytes <= kDatagramBytesMax);
    if (!fits) return StatusCode::kInvalid;
    if (spec->worker) {
      worker = *spec->worker;
      if (worker >= pool_.lane_ports()[spec->path.handle.index()].size())
        return StatusCode::kInvalid;
    }
    probe.bytes = spec->bytes;
    probe.from_lane = spec->worker.has_value();
    probe.has_path = true;
    probe.path = spec->path;
  }
  std::construct_at(&command.probe, probe);
  if (!pool_.workers()[worker]->commands().HasRoom()) return StatusCode::kQueueFull;
  Push(worker, command);
  return StatusCode::kOk;
}

StatusCode Controller::Send(Side side, uint32_t by, const FiveTuple& path, const uint8_t* data,
                            uint32_t length) {
  if (length > kDatagramBytesMax) return StatusCode::kInvalid;
  if (by != kEveryWorker && by >= flows_.size()) return StatusCode::kInvalid;
  if (!AddressFits(side, path)) return StatusCode::kAddress;
  const auto& workers = pool_.workers();
  // Chooses the worker by port and last address byte, so that datagrams to one peer stay in order.
  const uint32_t spread = path.remote.port + path.remote.ip.bytes[15];
  const size_t chosen = !path.handle.IsListener() ? path.handle.worker()
                        : by != kEveryWorker      ? by
                                                  : spread % workers.size();
  Worker& worker = *workers[chosen];
  uint8_t* record = worker.control_sends().Reserve(sizeof(ControlDatagram) + length);
  if (record == nullptr) {
    counters_.Add(Counter::kControlSendDropped);
    return StatusCode::kOk;
  }
  ControlDatagram head{};
  for (size_t i = 0; i < workers.size(); ++i) head.barrier[i] = workers[i]->commands().pushed();
  head.path = path;
  std::memcpy(record, &head, sizeof(head));
  if (length > 0) std::memcpy(record + sizeof(head), data, length);
  worker.control_sends().Commit();
  Wake(chosen);
  return StatusCode::kOk;
}

StatusCode Controller::PutKnownClient(uint32_t worker, const FiveTuple& tuple) {
  return PushKnownClient(Command::Kind::kPutKnownClient, worker, tuple);
}

StatusCode Controller::RemoveKnownClient(uint32_t worker, const FiveTuple& tuple) {
  return PushKnownClient(Command::Kind::kRemoveKnownClient, worker, tuple);
}

StatusCode Controller::PushKnownClient(Command::Kind kind, uint32_t worker,
                                       const FiveTuple& tuple) {
  const WorkerRange workers = WorkersOf(worker, tuple.handle);
  if (worker >= flows_.size() || workers.first == workers.end) return StatusCode::kInvalid;
  const bool put = kind == Command::Kind::kPutKnownClient;
  if (put && !tuple.handle.IsListener() && !AddressFits(Side::kClient, tuple)) {
    return StatusCode::kAddress;
  }
  const CommandQueue& commands = pool_.workers()[worker]->commands();
  if (!(put ? commands.HasRoom() : commands.HasRoomToRemove())) return StatusCode::kQueueFull;
  Command command{};
  command.kind = kind;
  command.flow.key.tuple = tuple;
  Push(worker, command);
  if (EndpointRecord* const record = endpoints_.Find(tuple.handle)) {
    if (put) {
      record->known_clients.insert(tuple);
    } else {
      record->known_clients.erase(tuple);
    }
  }
  return StatusCode::kOk;
}

void Controller::Beat(uint64_t now_ns) {
  for (uint32_t worker = 0; worker < beats_.size(); ++worker) {
    Worker& asked = *pool_.workers()[worker];
    AwaitedBeat& beat = beats_[worker];
    if (asked.applied() < beat.pushed) continue;
    // Commands that already wait serve as the sign of life.
    if (asked.applied() == asked.commands().pushed()) {
      Command command{};
      command.kind = Command::Kind::kBeat;
      Push(worker, command);
    }
    beat = AwaitedBeat{asked.commands().pushed(), now_ns};
  }
}

uint64_t Controller::SilentNs(uint32_t worker, uint64_t now_ns) const {
  const AwaitedBeat& beat = beats_[worker];
  return pool_.workers()[worker]->applied() >= beat.pushed ? 0 : now_ns - beat.asked_ns;
}

// Returns whether a path is valid: the socket's own family, a nonzero port, and a source address
// only if the socket is bound to a wildcard.
bool Controller::AddressFits(Side side, const FiveTuple& path) {
  const TransportAddress* const address = BoundTo(side, path.handle);
  if (address == nullptr || path.remote.port == 0) return false;
  const IpAddress& bound = address->ip;
  if (path.remote.ip.IsIpv4() != bound.IsIpv4() || path.remote.ip.IsWildcard()) return false;
  return path.local.IsNone() || (bound.IsWildcard() && path.local.IsIpv4() == bound.IsIpv4());
}

bool Controller::IsSession(uint32_t index) const {
  return (index & (session_slots_ - 1)) < sessions_max_;
}

Controller::WorkerRange Controller::WorkersOf(uint32_t worker) const {
  const auto count = static_cast<uint32_t>(flows_.size());
  if (worker == kEveryWorker) return {0, count};
  return worker < count ? WorkerRange{worker, worker + 1} : WorkerRange{0, 0};
}

bool Controller::HaveRoom(WorkerRange workers) const {
  for (uint32_t i = workers.first; i < workers.end; ++i) {
    if (!pool_.workers()[i]->commands().HasRoom()) return false;
  }
  return true;
}

bool Controller::HaveRoomToRemove(WorkerRange workers) const {
  for (uint32_t i = workers.first; i < workers.end; ++i) {
    if (!pool_.workers()[i]->commands().HasRoomToRemove()) return false;
  }
  return true;
}

bool Controller::AllHaveRoom() const { return HaveRoom(WorkersOf(kEveryWorker)); }

void Controller::Push(uint32_t worker, const Command& command) {
  pool_.workers()[worker]->commands().Push(command);
  Wake(worker);
}

void Controller::Wake(size_t worker) {
  if (holding_ && ++held_[worker] < kHeldMax) return;
  held_[worker] = 0;
  pool_.workers()[worker]->WakeIfAsleep();
}

void Controller::Release() {
  holding_ = false;
  for (size_t worker = 0; worker < flows_.size(); ++worker) {
    if (std::exchange(held_[worker], 0) > 0) pool_.workers()[worker]->WakeIfAsleep();
  }
}

void Controller::PushToAll(const Command& command) {
  for (uint32_t worker = 0; worker < flows_.size(); ++worker) Push(worker, command);
}

}  // namespace turnpike
