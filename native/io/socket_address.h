// Between our endpoints and the system's socket addresses.
#pragma once

#include <netinet/in.h>

#include <string>

#include "table/five_tuple.h"

namespace turnpike {

// Room for an address of either family.
union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

// Writes the endpoint in its own family; returns the length in bytes.
socklen_t ToSocketAddress(const TransportAddress& endpoint, SocketAddress* address);
TransportAddress FromSocketAddress(const SocketAddress& address);

// `192.0.2.1:3478` or `[2001:db8::1]:3478`.
std::string ToText(const TransportAddress& endpoint);

}  // namespace turnpike
