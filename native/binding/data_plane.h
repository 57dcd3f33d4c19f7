// The data plane as a JavaScript object. Validates and converts arguments, then calls io/.
// src/native/binding.ts declares its methods.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/open_options.h"
#include "io/controller.h"
#include "xdp/xdp_plane.h"

namespace turnpike {

class DataPlaneObject : public Napi::ObjectWrap<DataPlaneObject> {
 public:
  static Napi::Function Define(Napi::Env env);

  // Opens sockets and starts threads. Throws an Error with `status`, `errno` and `address`.
  explicit DataPlaneObject(const Napi::CallbackInfo& info);
  ~DataPlaneObject() override;

 private:
  class CloseWork;

  // Opens the fast path. If it cannot run, the workers forward everything, and its status tells the
  // reason.
  void OpenXdp(const OpenOptions& options);
  // Stops all threads. Any thread.
  void Stop();
  bool StartNotifying(Napi::Env env, const Napi::Function& notify);
  // Releases the callback into JavaScript. The threads must have ended.
  void StopNotifying();
  // Called when the environment ends with the plane open: a terminated worker thread, or
  // process.exit.
  static void OnEnvironmentEnd(void* plane);

  Napi::Value PutClientFlowToTrunk(const Napi::CallbackInfo& info);
  Napi::Value PutClientFlowToClient(const Napi::CallbackInfo& info);
  Napi::Value PutClientFlowToPeer(const Napi::CallbackInfo& info);
  Napi::Value PutAllocation(const Napi::CallbackInfo& info);
  Napi::Value PutPeerFlow(const Napi::CallbackInfo& info);
  Napi::Value PutTrunkRoute(const Napi::CallbackInfo& info);
  Napi::Value PutMovedClient(const Napi::CallbackInfo& info);
  Napi::Value RefreshClientFlow(const Napi::CallbackInfo& info);
  Napi::Value RemoveClientFlow(const Napi::CallbackInfo& info);
  Napi::Value FlowCounter(const Napi::CallbackInfo& info);
  Napi::Value SetBandwidth(const Napi::CallbackInfo& info);
  Napi::Value FlowNumber(const Napi::CallbackInfo& info);
  Napi::Value PutSession(const Napi::CallbackInfo& info);
  Napi::Value RefreshSession(const Napi::CallbackInfo& info);
  Napi::Value RemoveSession(const Napi::CallbackInfo& info);
  Napi::Value PutRemoteRelay(const Napi::CallbackInfo& info);
  Napi::Value RemoveRemoteRelay(const Napi::CallbackInfo& info);
  Napi::Value SetRelayHosts(const Napi::CallbackInfo& info);
  Napi::Value Probe(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Hold(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  Napi::Value PutKnownClient(const Napi::CallbackInfo& info);
  Napi::Value RemoveKnownClient(const Napi::CallbackInfo& info);
  Napi::Value OpenEndpoint(const Napi::CallbackInfo& info);
  Napi::Value CloseEndpoint(const Napi::CallbackInfo& info);
  Napi::Value WorkersSilentMs(const Napi::CallbackInfo& info);
  Napi::Value Drain(const Napi::CallbackInfo& info);
  Napi::Value Ports(const Napi::CallbackInfo& info);
  Napi::Value LanePorts(const Napi::CallbackInfo& info);
  Napi::Value CounterOffset(const Napi::CallbackInfo& info);
  Napi::Value Steers(const Napi::CallbackInfo& info);
  Napi::Value SteeringReason(const Napi::CallbackInfo& info);
  Napi::Value XdpMode(const Napi::CallbackInfo& info);
  Napi::Value XdpReason(const Napi::CallbackInfo& info);
  Napi::Value XdpAttached(const Napi::CallbackInfo& info);
  Napi::Value XdpFindings(const Napi::CallbackInfo& info);
  Napi::Value XdpFarEnds(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  const uint8_t* scratch_ = nullptr;
  uint32_t counter_offset_ = 0;
  bool open_ = false;
  napi_threadsafe_function notify_ = nullptr;
  // Keep the memory alive that threads write to and that commands are read from.
  Napi::ObjectReference counters_memory_;
  Napi::ObjectReference traffic_memory_;
  Napi::ObjectReference leg_flows_memory_;
  Napi::ObjectReference leg_sessions_memory_;
  Napi::ObjectReference scratch_memory_;
  // Order matters for destruction: the pool's threads use the notifier and the fast path's memory;
  // the controller uses the pool and the fast path.
  Notifier notifier_;
  XdpPlane xdp_;
  Status xdp_status_;
  bool xdp_active_ = false;
  WorkerPool pool_;
  std::unique_ptr<Controller> controller_;
};

}  // namespace turnpike
