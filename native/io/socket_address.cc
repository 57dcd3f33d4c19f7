#include "io/socket_address.h"

#include <arpa/inet.h>

#include <cstring>

namespace turnpike {

socklen_t ToSocketAddress(const TransportAddress& endpoint, SocketAddress* address) {
  if (endpoint.ip.IsIpv4()) {
    std::memset(&address->v4, 0, sizeof(address->v4));
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons(endpoint.port);
    std::memcpy(&address->v4.sin_addr, &endpoint.ip.bytes[12], 4);
    return sizeof(address->v4);
  }
  std::memset(&address->v6, 0, sizeof(address->v6));
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = htons(endpoint.port);
  std::memcpy(&address->v6.sin6_addr, endpoint.ip.bytes.data(), 16);
  return sizeof(address->v6);
}

TransportAddress FromSocketAddress(const SocketAddress& address) {
  TransportAddress endpoint;
  if (address.any.sa_family == AF_INET) {
    endpoint.ip = IpAddress::FromIpv4(reinterpret_cast<const uint8_t*>(&address.v4.sin_addr));
    endpoint.port = ntohs(address.v4.sin_port);
  } else {
    std::memcpy(endpoint.ip.bytes.data(), &address.v6.sin6_addr, 16);
    endpoint.port = ntohs(address.v6.sin6_port);
  }
  return endpoint;
}

std::string ToText(const TransportAddress& endpoint) {
  char text[INET6_ADDRSTRLEN] = {};
  const std::string port = ":" + std::to_string(endpoint.port);
  if (endpoint.ip.IsIpv4()) {
    inet_ntop(AF_INET, &endpoint.ip.bytes[12], text, sizeof(text));
    return text + port;
  }
  inet_ntop(AF_INET6, endpoint.ip.bytes.data(), text, sizeof(text));
  return "[" + std::string(text) + "]" + port;
}

}  // namespace turnpike
