// The state of the steering of ports, as reported to JavaScript.
#include <cstring>

#include "binding/data_plane.h"

namespace turnpike {

Napi::Value DataPlaneObject::Steers(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), open_ && pool_.steers());
}

Napi::Value DataPlaneObject::SteeringReason(const Napi::CallbackInfo& info) {
  const Status& status = pool_.steering_status();
  std::string reason = status.message;
  if (status.code == StatusCode::kSystem && status.error_number != 0) {
    reason += std::string(": ") + std::strerror(status.error_number);
  }
  if (open_ && pool_.lost_steering()) reason = "the BPF program was detached";
  return Napi::String::New(info.Env(), reason);
}

}  // namespace turnpike
