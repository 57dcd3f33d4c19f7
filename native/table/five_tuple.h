// 5-tuples as table keys: plain bytes without padding, compared and hashed as bytes.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/ip_address.h"
#include "table/transport_handle.h"

namespace turnpike {

// The 5-tuple of a datagram. The socket's handle stands for the local port and the transport.
struct FiveTuple {
  TransportAddress remote;
  // The local IP address if the socket is bound to a wildcard address, else none.
  IpAddress local;
  TransportHandle handle;

  bool operator==(const FiveTuple& other) const {
    return remote == other.remote && local == other.local && handle == other.handle;
  }
};

static_assert(std::has_unique_object_representations_v<FiveTuple>, "hashed as bytes");

}  // namespace turnpike
