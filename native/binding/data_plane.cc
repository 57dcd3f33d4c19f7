#include "binding/data_plane.h"

#include "base/interface.h"
#include "binding/call_values.h"
#include "binding/open_options.h"
#include "binding/scratch.h"
#include "io/clock.h"

namespace turnpike {

namespace {

void Throw(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.message);
  error.Set("status", Napi::Number::New(env, static_cast<uint8_t>(status.code)));
  error.Set("errorNumber", Napi::Number::New(env, status.error_number));
  error.Set("address", Napi::String::New(env, status.address));
  error.ThrowAsJavaScriptException();
}

}  // namespace

// Joins the threads on a worker thread of libuv, so that the event loop does not block. If the
// environment ends meanwhile, OnOK fails; NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS ignores that.
class DataPlaneObject::CloseWork : public Napi::AsyncWorker {
 public:
  explicit CloseWork(DataPlaneObject* plane)
      : Napi::AsyncWorker(plane->Env()),
        plane_(plane),
        deferred_(Napi::Promise::Deferred::New(plane->Env())) {
    plane_->Ref();
  }

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { plane_->Stop(); }

  void OnOK() override {
    napi_remove_env_cleanup_hook(Env(), OnEnvironmentEnd, plane_);
    plane_->StopNotifying();
    plane_->Unref();
    deferred_.Resolve(Env().Undefined());
  }

 private:
  DataPlaneObject* plane_;
  Napi::Promise::Deferred deferred_;
};

Napi::Function DataPlaneObject::Define(Napi::Env env) {
  using Plane = DataPlaneObject;
  return DefineClass(env, "DataPlane",
                     {Plane::InstanceMethod("putClientFlowToTrunk", &Plane::PutClientFlowToTrunk),
                      Plane::InstanceMethod("putClientFlowToClient", &Plane::PutClientFlowToClient),
                      Plane::InstanceMethod("putClientFlowToPeer", &Plane::PutClientFlowToPeer),
                      Plane::InstanceMethod("putAllocation", &Plane::PutAllocation),
                      Plane::InstanceMethod("putPeerFlow", &Plane::PutPeerFlow),
                      Plane::InstanceMethod("putTrunkRoute", &Plane::PutTrunkRoute),
                      Plane::InstanceMethod("putMovedClient", &Plane::PutMovedClient),
                      Plane::InstanceMethod("refreshClientFlow", &Plane::RefreshClientFlow),
                      Plane::InstanceMethod("removeClientFlow", &Plane::RemoveClientFlow),
                      Plane::InstanceMethod("flowNumber", &Plane::FlowNumber),
                      Plane::InstanceMethod("flowCounter", &Plane::FlowCounter),
                      Plane::InstanceMethod("setBandwidth", &Plane::SetBandwidth),
                      Plane::InstanceMethod("putSession", &Plane::PutSession),
                      Plane::InstanceMethod("refreshSession", &Plane::RefreshSession),
                      Plane::InstanceMethod("removeSession", &Plane::RemoveSession),
                      Plane::InstanceMethod("lanePorts", &Plane::LanePorts),
                      Plane::InstanceMethod("putRemoteRelay", &Plane::PutRemoteRelay),
                      Plane::InstanceMethod("removeRemoteRelay", &Plane::RemoveRemoteRelay),
                      Plane::InstanceMethod("setRelayHosts", &Plane::SetRelayHosts),
                      Plane::InstanceMethod("probe", &Plane::Probe),
                      Plane::InstanceMethod("send", &Plane::Send),
                      Plane::InstanceMethod("hold", &Plane::Hold),
                      Plane::InstanceMethod("release", &Plane::Release),
                      Plane::InstanceMethod("putKnownClient", &Plane::PutKnownClient),
                      Plane::InstanceMethod("removeKnownClient", &Plane::RemoveKnownClient),
                      Plane::InstanceMethod("openEndpoint", &Plane::OpenEndpoint),
                      Plane::InstanceMethod("closeEndpoint", &Plane::CloseEndpoint),
                      Plane::InstanceMethod("workersSilentMs", &Plane::WorkersSilentMs),
                      Plane::InstanceMethod("drain", &Plane::Drain),
                      Plane::InstanceMethod("ports", &Plane::Ports),
                      Plane::InstanceMethod("counterOffset", &Plane::CounterOffset),
                      Plane::InstanceMethod("steers", &Plane::Steers),
                      Plane::InstanceMethod("steeringReason", &Plane::SteeringReason),
                      Plane::InstanceMethod("xdpMode", &Plane::XdpMode),
                      Plane::InstanceMethod("xdpReason", &Plane::XdpReason),
                      Plane::InstanceMethod("xdpAttached", &Plane::XdpAttached),
                      Plane::InstanceMethod("xdpFindings", &Plane::XdpFindings),
                      Plane::InstanceMethod("xdpFarEnds", &Plane::XdpFarEnds),
                      Plane::InstanceMethod("close", &Plane::Close)});
}

DataPlaneObject::DataPlaneObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DataPlaneObject>(info) {
  Napi::Env env = info.Env();
  OpenOptions options;
  if (!ReadOpenOptions(info[0], &options)) {
    Throw(env, Status{StatusCode::kInvalid, 0, "malformed options of a data plane", {}});
    return;
  }
  scratch_ = options.scratch;
  counter_offset_ = options.counter_offset;
  counters_memory_ = Napi::Persistent(options.counters_memory);
  traffic_memory_ = Napi::Persistent(options.traffic_memory);
  leg_flows_memory_ = Napi::Persistent(options.leg_flows_memory);
  leg_sessions_memory_ = Napi::Persistent(options.leg_sessions_memory);
  scratch_memory_ = Napi::Persistent(options.scratch_memory);
  if (!StartNotifying(env, options.notify)) {
    Throw(env, Status::System("cannot make a callback for the workers", 0));
    return;
  }
  Status status = pool_.Open(options.plane, &notifier_);
  if (status.ok()) {
    controller_ = std::make_unique<Controller>(pool_, options.plane);
    status = controller_->Allocate(options.plane);
  }
  if (!status.ok()) {
    pool_.Close();
    StopNotifying();
    Throw(env, status);
    return;
  }
  OpenXdp(options);
  open_ = true;
  // Registered after the thread-safe function, whose own hook frees it: hooks run in reverse order.
  napi_add_env_cleanup_hook(env, OnEnvironmentEnd, this);
}

// Stops the plane only if the environment ends after the constructor failed: an open plane is kept
// alive by its callback until it is closed.
DataPlaneObject::~DataPlaneObject() { Stop(); }

void DataPlaneObject::Stop() {
  xdp_.Close();
  pool_.Close();
}

bool DataPlaneObject::StartNotifying(Napi::Env env, const Napi::Function& notify) {
  const napi_status status =
      napi_create_threadsafe_function(env, notify, nullptr, Napi::String::New(env, "turnpike"), 0,
                                      1, nullptr, nullptr, nullptr, nullptr, &notify_);
  if (status != napi_ok) return false;
  notifier_.context = notify_;
  notifier_.call = [](void* function) {
    // The call fails only when the environment is ending.
    napi_call_threadsafe_function(static_cast<napi_threadsafe_function>(function), nullptr,
                                  napi_tsfn_nonblocking);
  };
  return true;
}

void DataPlaneObject::StopNotifying() {
  if (notify_ == nullptr) return;
  napi_release_threadsafe_function(notify_, napi_tsfn_abort);
  notify_ = nullptr;
}

void DataPlaneObject::OnEnvironmentEnd(void* plane) {
  auto* self = static_cast<DataPlaneObject*>(plane);
  self->open_ = false;
  self->Stop();
  self->StopNotifying();
}

Napi::Value DataPlaneObject::SetRelayHosts(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  std::vector<TransportAddress> hosts;
  for (size_t at = 0; at + sizeof(TransportAddress) <= bytes.ByteLength();
       at += sizeof(TransportAddress)) {
    hosts.push_back(Read<TransportAddress>(bytes.Data() + at));
  }
  pool_.relay_hosts().Set(hosts);
  return ToValue(info, StatusCode::kOk);
}

Napi::Value DataPlaneObject::Probe(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const uint32_t relay_index = Argument(info, 0);
  const uint32_t number = Argument(info, 1);
  if (!info[2].IsNumber()) return ToValue(info, controller_->Probe(relay_index, number, nullptr));
  ProbeSpec spec;
  spec.path = Read<FiveTuple>(scratch_);
  spec.bytes = static_cast<uint16_t>(Argument(info, 2));
  if (info[3].IsNumber()) spec.worker = Argument(info, 3);
  return ToValue(info, controller_->Probe(relay_index, number, &spec));
}

Napi::Value DataPlaneObject::Send(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  if (!info[1].IsTypedArray()) return ToValue(info, StatusCode::kInvalid);
  const Napi::Uint8Array data = info[1].As<Napi::Uint8Array>();
  const Side side = Argument(info, 0) == 0 ? Side::kClient : Side::kTrunk;
  return ToValue(info, controller_->Send(side, Argument(info, 2), Read<FiveTuple>(scratch_),
                                         data.Data(), static_cast<uint32_t>(data.ByteLength())));
}

Napi::Value DataPlaneObject::Hold(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  controller_->Hold();
  return ToValue(info, StatusCode::kOk);
}

Napi::Value DataPlaneObject::Release(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  controller_->Release();
  return ToValue(info, StatusCode::kOk);
}

Napi::Value DataPlaneObject::PutKnownClient(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  return ToValue(info, controller_->PutKnownClient(Argument(info, 0), Read<FiveTuple>(scratch_)));
}

Napi::Value DataPlaneObject::RemoveKnownClient(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  return ToValue(info,
                 controller_->RemoveKnownClient(Argument(info, 0), Read<FiveTuple>(scratch_)));
}

// Returns a handle, or a status as a negative number.
Napi::Value DataPlaneObject::OpenEndpoint(const Napi::CallbackInfo& info) {
  StatusCode code = StatusCode::kClosed;
  TransportHandle handle;
  if (open_) {
    const auto command = Read<EndpointCommand>(scratch_);
    code = controller_->OpenEndpoint(command.worker, command.kind, command.address, &handle);
  }
  const double number =
      code == StatusCode::kOk ? static_cast<double>(handle.ToNumber()) : -static_cast<double>(code);
  return Napi::Number::New(info.Env(), number);
}

Napi::Value DataPlaneObject::CloseEndpoint(const Napi::CallbackInfo& info) {
  if (!open_) return ToValue(info, StatusCode::kClosed);
  const int64_t number = info[0].As<Napi::Number>().Int64Value();
  const TransportHandle handle = TransportHandle::FromNumber(static_cast<uint64_t>(number));
  return ToValue(info, controller_->CloseEndpoint(handle));
}

Napi::Value DataPlaneObject::WorkersSilentMs(const Napi::CallbackInfo& info) {
  if (!open_) return Napi::Array::New(info.Env(), 0);
  const uint64_t now_ns = ReadClock().monotonic_ns;
  controller_->Beat(now_ns);
  const uint32_t workers = static_cast<uint32_t>(pool_.workers().size());
  Napi::Array silent = Napi::Array::New(info.Env(), workers);
  for (uint32_t i = 0; i < workers; ++i) {
    const double silent_ms = static_cast<double>(controller_->SilentNs(i, now_ns)) / 1e6;
    silent.Set(i, Napi::Number::New(info.Env(), silent_ms));
  }
  return silent;
}

Napi::Value DataPlaneObject::Drain(const Napi::CallbackInfo& info) {
  if (!open_ || !info[0].IsTypedArray()) return Napi::Number::New(info.Env(), 0);
  Napi::Uint8Array buffer = info[0].As<Napi::Uint8Array>();
  notifier_.Acknowledge();
  const uint32_t bytes = static_cast<uint32_t>(buffer.ByteLength()) & ~7u;
  const Controller::DrainLimits limits{Argument(info, 1), Argument(info, 2), Argument(info, 3)};
  return Napi::Number::New(info.Env(), controller_->Drain(buffer.Data(), bytes, limits));
}

Napi::Value DataPlaneObject::Ports(const Napi::CallbackInfo& info) {
  const Side side = Argument(info, 0) == 0 ? Side::kClient : Side::kTrunk;
  const std::vector<TransportAddress>& addresses = pool_.addresses(side);
  Napi::Array ports = Napi::Array::New(info.Env(), addresses.size());
  for (uint32_t i = 0; i < addresses.size(); ++i) {
    ports.Set(i, Napi::Number::New(info.Env(), addresses[i].port));
  }
  return ports;
}

Napi::Value DataPlaneObject::LanePorts(const Napi::CallbackInfo& info) {
  const std::vector<uint16_t>& lanes = pool_.lane_ports()[Argument(info, 0)];
  Napi::Array ports = Napi::Array::New(info.Env(), lanes.size());
  for (uint32_t i = 0; i < lanes.size(); ++i) {
    ports.Set(i, Napi::Number::New(info.Env(), lanes[i]));
  }
  return ports;
}

Napi::Value DataPlaneObject::CounterOffset(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), counter_offset_);
}

Napi::Value DataPlaneObject::Close(const Napi::CallbackInfo& info) {
  if (!open_) {
    Throw(info.Env(), Status{StatusCode::kClosed, 0, "the data plane is closed", {}});
    return info.Env().Undefined();
  }
  open_ = false;
  auto* work = new CloseWork(this);
  work->Queue();
  return work->promise();
}

}  // namespace turnpike
