#pragma once

#include <cstdint>

#include "table/five_tuple.h"

namespace turnpike {

// A datagram to send: `head`, if there is one, then `data`. `data` lies in the packet that it was
// made from, unless stated.
struct Outgoing {
  Side side;
  FiveTuple path;
  const uint8_t* data;
  uint32_t length;
  const uint8_t* head = nullptr;
  uint32_t head_bytes = 0;

  uint32_t bytes() const { return head_bytes + length; }
};

}  // namespace turnpike
