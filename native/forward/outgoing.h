#pragma once

#include <cstdint>

#include "table/five_tuple.h"

namespace turnpike {

// A datagram to send. `data` points into the packet that it was made from, unless stated otherwise.
// `path` points into a table, a bundle or a command. Both stay valid until the datagram is sent.
struct Outgoing {
  const FiveTuple* path;
  const uint8_t* data;
  uint32_t length;
  // Sends from the trunk socket instead of the worker's own source port.
  bool from_trunk_port = false;
  // kClientToPeer: the number of the peer's IP address among the relayed addresses of this data
  // plane, or 0.
  uint8_t relayed_number = 0;
  // DSCP and ECN, as in the octet of the IP header.
  uint8_t traffic_class = 0;
  // kClientToPeer: whether the client wants the datagram sent unfragmented.
  bool unfragmented = false;
  // kClientToPeer: whether the bytes of a record's headers before `data` may be written.
  bool headroom = false;
};

}  // namespace turnpike
