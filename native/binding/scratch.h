// Reads what src/native/codec.ts writes into shared memory before a call. One buffer avoids an
// object with properties for each command. src/native/interface.ts has the layouts.
#pragma once

#include <cstdint>
#include <cstring>

#include "io/controller.h"
#include "table/interface_structs.h"

namespace turnpike {

// Reads a struct from memory of any alignment.
template <typename Struct>
Struct Read(const uint8_t* bytes) {
  Struct result;
  std::memcpy(&result, bytes, sizeof(result));
  return result;
}

// Reads a RemoteRelayCommand with its lists. Returns false if a count or number exceeds its bound.
bool ReadRemoteRelay(const uint8_t* scratch, RemoteRelaySpec* spec);

}  // namespace turnpike
