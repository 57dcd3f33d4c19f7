// Conversions between TransportAddress and the system's socket addresses.
#pragma once

#include <netinet/in.h>

#include <string>

#include "table/five_tuple.h"

namespace turnpike {

// A socket address of either family.
union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

// Writes an address in its own family. Returns its length in bytes.
socklen_t ToSocketAddress(const TransportAddress& endpoint, SocketAddress* address);
TransportAddress FromSocketAddress(const SocketAddress& address);

// Returns `192.0.2.1:3478` or `[2001:db8::1]:3478`.
std::string ToText(const TransportAddress& endpoint);

}  // namespace turnpike
