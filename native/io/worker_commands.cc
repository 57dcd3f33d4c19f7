// The part of Worker that executes commands of the controlling thread.
#include <errno.h>

#include "io/clock.h"
#include "io/worker.h"

namespace turnpike {

namespace {

// Control datagrams sent per turn of the loop, so that they do not delay the rest.
constexpr uint32_t kControlSendsPerTurn = 64;

Expiry ExpiryOf(const Command& command) { return ExpiryAfter(command.lifetime_seconds); }

}  // namespace

Worker::Progress Worker::ApplyCommands() {
  Command command;
  uint32_t of_endpoints = 0;
  for (uint32_t i = 0; i < kCommandsPerTurn; ++i) {
    if (!commands_.Pop(&command)) return Progress::kDone;
    Apply(command);
    counters_.Add(Counter::kCommandsApplied);
    // Release order: a thread that sees the count also sees the commands' effects.
    applied_.store(applied_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (command.IsOfEndpoint() && ++of_endpoints == kEndpointCommandsPerTurn) break;
  }
  return Progress::kMore;
}

void Worker::Apply(Command& command) {
  switch (command.kind) {
    case Command::Kind::kShareSequences:
      tables_.shared_sequences = command.shared_sequences;
      break;
    case Command::Kind::kPutFlow:
      ApplyPutFlow(command);
      break;
    case Command::Kind::kRefreshFlow:
      if (Flow* flow = tables_.flows.Find(command.flow.key)) flow->expiry = ExpiryOf(command);
      early_.NoteEntry();
      break;
    case Command::Kind::kRemoveFlow:
      if (!early_.idle() && IsSendKey(command.flow.key))
        early_.Forget(command.flow.key.tuple, counters_);
      if (!tables_.flows.Erase(command.flow.key)) break;
      if (IsTrunkPeerKey(command.flow.key))
        tables_.trunk_peers.Remove(command.flow.key.tuple.remote.ip);
      if (IsMovedKey(command.flow.key)) --moved_clients_;
      break;
    case Command::Kind::kPutSession:
      ApplyPutSession(command);
      break;
    case Command::Kind::kRefreshSession:
      if (tables_.sessions.At(command.index).action.index == command.index) {
        tables_.sessions.At(command.index).expiry = ExpiryOf(command);
      }
      break;
    case Command::Kind::kRemoveSession:
      if (tables_.sessions.At(command.index).action.index == command.index) {
        tables_.sessions.At(command.index) = Session{};
      }
      break;
    case Command::Kind::kPutRemoteRelay:
      // Bundles refer to their relay by index, which may now belong to another relay.
      CloseBundles();
      command.relay->from_trunk_port = (command.relay->lanes_closed >> options_.index & 1) != 0;
      tables_.relays.Put(command.index, std::unique_ptr<RemoteRelay>(command.relay));
      break;
    case Command::Kind::kRemoveRemoteRelay:
      CloseBundles();
      tables_.relays.Remove(command.index);
      break;
    case Command::Kind::kProbe:
      SendProbe(command);
      break;
    case Command::Kind::kPutKnownClient:
      // A client that does not fit is served as a stranger.
      known_clients_.FindOrInsert(command.flow.key.tuple);
      break;
    case Command::Kind::kRemoveKnownClient:
      known_clients_.Erase(command.flow.key.tuple);
      break;
    case Command::Kind::kOpenEndpoint:
      OpenEndpoint(command);
      break;
    case Command::Kind::kCloseEndpoint:
      CloseEndpoint(command);
      break;
    case Command::Kind::kBeat:
      break;
  }
}

void Worker::ApplyPutFlow(const Command& command) {
  const bool is_trunk_peer = IsTrunkPeerKey(command.flow.key);
  const bool is_moved = IsMovedKey(command.flow.key);
  if ((is_trunk_peer || is_moved) && tables_.flows.Find(command.flow.key) == nullptr) {
    if (is_trunk_peer) tables_.trunk_peers.Add(command.flow.key.tuple.remote.ip);
    if (is_moved) ++moved_clients_;
  }
  // Never null: the controlling thread tracks the table's size and refuses what does not fit.
  Flow* flow = tables_.flows.FindOrInsert(command.flow.key);
  const bool same_session = flow->action.IsSameSession(command.flow.action);
  early_.NoteEntry();
  if (!early_.idle() && IsSendKey(command.flow.key) &&
      !(flow->action.tuple.handle == command.flow.action.tuple.handle)) {
    // Another allocation has the 5-tuple.
    early_.Forget(command.flow.key.tuple, counters_);
  }
  // A repeated put keeps the sequence, so that it does not look like loss to the other relay.
  flow->Replace(command.flow.action, same_session);
  flow->expiry = ExpiryOf(command);
}

void Worker::ApplyPutSession(const Command& command) {
  Session& session = tables_.sessions.At(command.index);
  const bool same = session.action.generation == command.session.generation &&
                    session.action.index == command.index;
  if (!same) {
    session = Session{};
    tables_.session_traffic[tables_.sessions.SlotOf(command.index)].Clear();
  }
  session.action = command.session;
  session.expiry = ExpiryOf(command);
}

void Worker::SendProbe(const Command& command) {
  // Earlier probes wrote only their heads, so the padding is zero.
  if (!probe_) probe_ = std::make_unique<uint8_t[]>(kDatagramBytesMax);
  const FiveTuple* const path = command.probe.has_path ? &command.probe.path : nullptr;
  Outgoing out;
  const bool made =
      command.probe.bytes == 0
          ? forwarder_.MakeProbe(command.index, command.probe.number, path, ReadClock(),
                                 probe_.get(), &out)
          : forwarder_.MakePathProbe(command.index, command.probe.number, command.probe.path,
                                     command.probe.bytes, ReadClock(), probe_.get(), &out);
  if (!made) {
    counters_.Add(Verdict::kTrunkNoKey);
    return;
  }
  Endpoint* const trunk = EndpointOf(out.path->handle);
  if (trunk == nullptr) {
    counters_.Add(Counter::kEndpointGone);
    return;
  }
  const bool from_lane = command.probe.from_lane && trunk->lane != nullptr;
  SendProbeUnfragmented(from_lane ? *trunk->lane : *trunk, out);
}

void Worker::SendProbeUnfragmented(Endpoint& endpoint, const Outgoing& outgoing) {
  switch (sends_.SendUnfragmented(endpoint.sends, outgoing, counters_)) {
    case 0:
      counters_.Add(Counter::kProbesSent);
      break;
    case EMSGSIZE:
      counters_.Add(Counter::kProbesTooLong);
      break;
    case EAGAIN:
    case ENOBUFS:
      counters_.Add(Counter::kSendBlocked);
      break;
    default:
      counters_.Add(Counter::kSendErrors);
  }
}

void Worker::SendDataUnfragmented(Endpoint& endpoint, const Outgoing& outgoing) {
  const int error = sends_.SendUnfragmented(endpoint.sends, outgoing, counters_);
  if (error == 0) return;
  const bool blocked = error == EAGAIN || error == ENOBUFS;
  counters_.Add(blocked ? Counter::kSendBlocked : Counter::kSendErrors);
}

Worker::Progress Worker::SendControl() {
  Progress progress = Progress::kMore;
  for (uint32_t i = 0; i < kControlSendsPerTurn; ++i) {
    const ByteRing::Record record = control_sends_.Peek();
    if (record.data == nullptr) {
      progress = Progress::kDone;
      break;
    }
    const auto* head = reinterpret_cast<const ControlDatagram*>(record.data);
    if (!Reached(head->barrier)) {
      // Later control datagrams wait too, to keep their order.
      progress = Progress::kHeld;
      break;
    }
    if (Endpoint* const endpoint = EndpointOf(head->path.handle)) {
      Queue(endpoint->sends, Outgoing{&head->path, record.data + sizeof(*head),
                                      record.length - static_cast<uint32_t>(sizeof(*head))});
      counters_.Add(Counter::kControlSent);
      if (!early_.idle()) [[unlikely]] {
        NoteAnswer(head->path, record.data + sizeof(*head),
                   record.length - static_cast<uint32_t>(sizeof(*head)));
      }
    } else {
      counters_.Add(Counter::kEndpointGone);
    }
    control_sends_.Skip();
  }
  FlushSends();
  control_sends_.Pop();
  return progress;
}

bool Worker::Reached(const std::array<uint64_t, kWorkersMax>& barrier) const {
  for (size_t i = 0; i < workers_->size(); ++i) {
    if ((*workers_)[i]->applied() < barrier[i]) return false;
  }
  return true;
}

}  // namespace turnpike
