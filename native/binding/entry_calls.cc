// Calls about entries: flows of peers, sessions, other relays. Lifetimes are in seconds; 0 means
// never.
#include "binding/call_values.h"
#include "binding/data_plane.h"
#include "binding/scratch.h"

namespace turnpike {

Napi::Value DataPlaneObject::PutClientFlowToTrunk(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const FlowKey key{Read<FiveTuple>(scratch_), static_cast<uint16_t>(Argument(info, 1))};
  FlowAction action;
  action.kind = FlowAction::Kind::kTrunk;
  action.relay_index = Argument(info, 2);
  action.session_index = Argument(info, 3);
  return ToValue(info,
                 controller_->PutClientFlow(Argument(info, 0), key, action, Argument(info, 4)));
}

Napi::Value DataPlaneObject::PutClientFlowToClient(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const FlowKey key{Read<FiveTuple>(scratch_), static_cast<uint16_t>(Argument(info, 1))};
  FlowAction action;
  action.kind = FlowAction::Kind::kClient;
  action.channel = static_cast<uint16_t>(Argument(info, 2));
  action.tuple = Read<FlowCommand>(scratch_).to;
  return ToValue(info,
                 controller_->PutClientFlow(Argument(info, 0), key, action, Argument(info, 3)));
}

Napi::Value DataPlaneObject::PutClientFlowToPeer(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const FlowKey key{Read<FiveTuple>(scratch_), static_cast<uint16_t>(Argument(info, 1))};
  FlowAction action;
  action.kind = FlowAction::Kind::kPeer;
  action.bucket = Argument(info, 2);
  action.tuple = Read<FlowCommand>(scratch_).to;
  return ToValue(info,
                 controller_->PutClientFlow(Argument(info, 0), key, action, Argument(info, 3)));
}

Napi::Value DataPlaneObject::PutAllocation(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  FlowAction action;
  action.kind = FlowAction::Kind::kAllocation;
  action.bucket = Argument(info, 2);
  action.tuple = Read<FlowCommand>(scratch_).to;
  const FlowKey key{Read<FiveTuple>(scratch_), static_cast<uint16_t>(Argument(info, 1))};
  return ToValue(info,
                 controller_->PutClientFlow(Argument(info, 0), key, action, Argument(info, 3)));
}

Napi::Value DataPlaneObject::PutPeerFlow(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  FlowAction action;
  action.kind = FlowAction::Kind::kClient;
  action.channel = static_cast<uint16_t>(Argument(info, 1));
  action.port_min = static_cast<uint16_t>(Argument(info, 2));
  action.port_max = static_cast<uint16_t>(Argument(info, 3));
  action.bucket = Argument(info, 4);
  action.tuple = Read<FlowCommand>(scratch_).to;
  return ToValue(info,
                 controller_->PutClientFlow(Argument(info, 0), PeerKey(Read<FiveTuple>(scratch_)),
                                            action, Argument(info, 5)));
}

Napi::Value DataPlaneObject::PutTrunkRoute(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const FlowKey key = TrunkPeerKey(Read<FiveTuple>(scratch_));
  FlowAction action;
  action.kind = FlowAction::Kind::kTrunk;
  action.relay_index = Argument(info, 1);
  action.session_index = Argument(info, 2);
  return ToValue(info,
                 controller_->PutClientFlow(Argument(info, 0), key, action, Argument(info, 3)));
}

Napi::Value DataPlaneObject::PutMovedClient(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const uint32_t to_worker = Argument(info, 1);
  if (to_worker >= kWorkersMax) return ToValue(info, StatusCode::kInvalid);
  FlowAction action;
  action.kind = FlowAction::Kind::kMoved;
  action.worker = static_cast<uint8_t>(to_worker);
  action.move_number = Argument(info, 2);
  action.tuple = Read<FlowCommand>(scratch_).to;
  const FlowKey key = MovedKey(Read<FiveTuple>(scratch_));
  return ToValue(info, controller_->PutClientFlow(Argument(info, 0), key, action));
}

Napi::Value DataPlaneObject::RefreshClientFlow(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const FlowKey key{Read<FiveTuple>(scratch_), static_cast<uint16_t>(Argument(info, 1))};
  return ToValue(info, controller_->RefreshClientFlow(Argument(info, 0), key, Argument(info, 2)));
}

Napi::Value DataPlaneObject::RemoveClientFlow(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const FlowKey key{Read<FiveTuple>(scratch_), static_cast<uint16_t>(Argument(info, 1))};
  return ToValue(info, controller_->RemoveClientFlow(Argument(info, 0), key));
}

Napi::Value DataPlaneObject::FlowNumber(const Napi::CallbackInfo& info) {
  const FlowKey key{Read<FiveTuple>(scratch_), static_cast<uint16_t>(Argument(info, 1))};
  uint32_t number = 0;
  const bool found = open_ && controller_->FlowNumber(Argument(info, 0), key, &number);
  return Napi::Number::New(info.Env(), found ? static_cast<double>(number) : -1);
}

Napi::Value DataPlaneObject::FlowCounter(const Napi::CallbackInfo& info) {
  const Flow* flow =
      open_ ? controller_->FlowCounters(Argument(info, 0), Argument(info, 1)) : nullptr;
  uint64_t value = 0;
  if (flow != nullptr) {
    switch (static_cast<LegField>(Argument(info, 2))) {
      case LegField::kPackets:
        value = flow->traffic.packets();
        break;
      case LegField::kPayloadBytes:
        value = flow->traffic.payload_bytes();
        break;
      case LegField::kLastSecond:
        value = flow->traffic.last_second();
        break;
      case LegField::kOverBandwidth:
        value = flow->OverBandwidth();
        break;
    }
  }
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

Napi::Value DataPlaneObject::SetBandwidth(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const int64_t bytes_per_second = info[1].As<Napi::Number>().Int64Value();
  if (bytes_per_second < 0) return ToValue(info, StatusCode::kInvalid);
  return ToValue(
      info, controller_->SetBandwidth(Argument(info, 0), static_cast<uint64_t>(bytes_per_second)));
}

Napi::Value DataPlaneObject::PutSession(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  SessionAction action;
  action.relay_index = Argument(info, 1);
  action.channel = static_cast<uint16_t>(Argument(info, 2));
  action.tuple = Read<FiveTuple>(scratch_);
  return ToValue(info, controller_->PutSession(Argument(info, 0), action, Argument(info, 3)));
}

Napi::Value DataPlaneObject::RefreshSession(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  return ToValue(info, controller_->RefreshSession(Argument(info, 0), Argument(info, 1)));
}

Napi::Value DataPlaneObject::RemoveSession(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  return ToValue(info, controller_->RemoveSession(Argument(info, 0)));
}

Napi::Value DataPlaneObject::PutRemoteRelay(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  RemoteRelaySpec spec;
  if (!ReadRemoteRelay(scratch_, &spec)) return ToValue(info, StatusCode::kInvalid);
  return ToValue(info, controller_->PutRemoteRelay(Argument(info, 0), spec));
}

Napi::Value DataPlaneObject::RemoveRemoteRelay(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  return ToValue(info, controller_->RemoveRemoteRelay(Argument(info, 0)));
}

}  // namespace turnpike
