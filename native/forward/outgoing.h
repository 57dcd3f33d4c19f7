#pragma once

#include <cstdint>

#include "table/five_tuple.h"

namespace turnpike {

// A datagram to send. `data` lies in the packet that it was made from, unless stated; `path` lies
// in a table, a bundle or a command. Both stay until the datagram was sent.
struct Outgoing {
  const FiveTuple* path;
  const uint8_t* data;
  uint32_t length;
  // From the trunk socket itself, where data otherwise leaves from the worker's own port.
  bool from_trunk_port = false;
};

}  // namespace turnpike
