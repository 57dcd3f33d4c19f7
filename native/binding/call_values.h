// Conversions of a call's numbers from JavaScript, which TypeScript has checked, and of its status.
#pragma once

#include <napi.h>

#include <cstdint>

#include "base/interface.h"

namespace turnpike {

inline Napi::Value ToValue(const Napi::CallbackInfo& info, StatusCode code) {
  return Napi::Number::New(info.Env(), static_cast<uint8_t>(code));
}

inline uint32_t Argument(const Napi::CallbackInfo& info, size_t index) {
  return info[index].As<Napi::Number>().Uint32Value();
}

}  // namespace turnpike
