#pragma once

#include <cstdint>

#include "table/five_tuple.h"

namespace turnpike {

// A datagram to send. `data` lies in the packet that it was made from, unless stated; `path` lies
// in a table, a bundle or a command. Both stay until the datagram was sent.
struct Outgoing {
  Side side;
  const FiveTuple* path;
  const uint8_t* data;
  uint32_t length;
};

}  // namespace turnpike
