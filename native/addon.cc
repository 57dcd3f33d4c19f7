// Registers the module.
#include <napi.h>

#include "base/interface.h"
#include "binding/data_plane.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  using Napi::Number;
  exports.Set("DataPlane", turnpike::DataPlaneObject::Define(env));
  exports.Set("contract", Number::New(env, turnpike::kBindingContract));
  return exports;
}

}  // namespace

NODE_API_MODULE(turnpike, Init)
