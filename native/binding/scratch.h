// Reads what src/native/codec.ts writes before a call, into memory that both sides share: one
// buffer saves an object and its properties for each command. src/native/interface.ts has the
// layouts.
#pragma once

#include <cstdint>
#include <cstring>

#include "io/controller.h"
#include "table/interface_structs.h"

namespace turnpike {

// A struct out of memory of any alignment.
template <typename Struct>
Struct Read(const uint8_t* bytes) {
  Struct result;
  std::memcpy(&result, bytes, sizeof(result));
  return result;
}

// Reads a TrunkPeerCommand with its lists. False when a count or a number is over its bound.
bool ReadTrunkPeer(const uint8_t* scratch, TrunkPeerSpec* spec);

}  // namespace turnpike
