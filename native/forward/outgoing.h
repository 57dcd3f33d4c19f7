#pragma once

#include <cstdint>

#include "table/five_tuple.h"

namespace turnpike {

// A datagram to send: `head`, if there is one, then `data`. `data` lies in the packet that it was
// made from, unless stated; `path` lies in a table, a bundle or a command. All of them stay until
// the datagram was sent.
struct Outgoing {
  Side side;
  const FiveTuple* path;
  const uint8_t* data;
  uint32_t length;
  const uint8_t* head = nullptr;
  uint32_t head_bytes = 0;

  uint32_t bytes() const { return head_bytes + length; }
};

}  // namespace turnpike
