// Module registration only.
#include <napi.h>

#include "base/limits.h"
#include "binding/data_plane.h"
#include "binding/scratch.h"
#include "io/counters.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  using Napi::Number;
  exports.Set("DataPlane", turnpike::DataPlaneObject::Define(env));
  exports.Set("contract", Number::New(env, turnpike::kBindingContract));
  Napi::Array names = Napi::Array::New(env, turnpike::kCounterCount);
  for (uint32_t i = 0; i < turnpike::kCounterCount; ++i) names.Set(i, turnpike::kCounterNames[i]);
  exports.Set("counterNames", names);
  Napi::Object limits = Napi::Object::New(env);
  limits.Set("workersMax", Number::New(env, turnpike::kWorkersMax));
  limits.Set("addressesPerSideMax", Number::New(env, turnpike::kAddressesPerSideMax));
  limits.Set("clientFlowsMax", Number::New(env, turnpike::kClientFlowsLimit));
  limits.Set("sessionsMax", Number::New(env, turnpike::kSessionsLimit));
  limits.Set("trunkPeersMax", Number::New(env, turnpike::kTrunkPeersLimit));
  limits.Set("trunkSourcesMax", Number::New(env, turnpike::kTrunkSourcesMax));
  limits.Set("trunkWaysMax", Number::New(env, turnpike::kTrunkWaysMax));
  limits.Set("laneSets", Number::New(env, turnpike::kLaneSets));
  limits.Set("sendKeysMax", Number::New(env, turnpike::kSendKeysMax));
  limits.Set("receiveKeysMax", Number::New(env, turnpike::kReceiveKeysMax));
  limits.Set("puntBytesMax", Number::New(env, turnpike::kPuntBytesMax));
  limits.Set("puntQueueBytesMin", Number::New(env, turnpike::kPuntQueueBytesMin));
  limits.Set("puntQueueBytesMax", Number::New(env, turnpike::kPuntQueueBytesLimit));
  limits.Set("commandQueueLength", Number::New(env, turnpike::kCommandQueueLength));
  limits.Set("counterRowCells", Number::New(env, turnpike::kCounterRowCells));
  limits.Set("scratchBytes", Number::New(env, turnpike::kScratchBytes));
  limits.Set("datagramBytesMax", Number::New(env, turnpike::kDatagramBytesMax));
  limits.Set("trunkMtuBytesMin", Number::New(env, turnpike::kTrunkMtuBytesMin));
  limits.Set("coalescingUsMax", Number::New(env, turnpike::kCoalescingUsMax));
  limits.Set("busyPollUsMax", Number::New(env, turnpike::kBusyPollUsMax));
  limits.Set("closedIndicationsPerSecondMax",
             Number::New(env, turnpike::kClosedIndicationsPerSecondMax));
  limits.Set("cpusMax", Number::New(env, turnpike::kCpusMax));
  exports.Set("limits", limits);
  return exports;
}

}  // namespace

NODE_API_MODULE(turnpike, Init)
