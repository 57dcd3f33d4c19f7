// Commands that set up rules of a host.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "xdp/host/findings.h"
#include "xdp_connection.h"

namespace turnpike::test {

inline constexpr uint32_t kClients = 1;
inline constexpr uint32_t kTrunks = 1u << TP_SOCKETS_PER_SIDE;

inline bool Shell(const std::string& command) {
  const std::string all = "PATH=$PATH:/usr/sbin:/sbin; " + command + " >/dev/null 2>&1";
  return std::system(all.c_str()) == 0;
}

// Returns a socket of the host, bound to one address.
inline HostSocket SocketAt(uint16_t number, const std::string& address) {
  HostSocket socket;
  socket.number = number;
  const TransportAddress bound = ToTransportAddress(address);
  socket.is_ipv4 = bound.ip.IsIpv4();
  socket.ips = {bound.ip};
  socket.ports = {bound.port};
  return socket;
}

// Returns a command that adds an nftables rule in its own chain.
inline std::string Nft(const std::string& chain, const std::string& rule) {
  return "nft 'add table inet t; add chain inet t c { " + chain + "; }; add rule inet t c " + rule +
         "'";
}

inline constexpr char kNoTable[] = "nft delete table inet t";
inline constexpr char kPrerouting[] = "type nat hook prerouting priority -100";
inline constexpr char kPostrouting[] = "type nat hook postrouting priority 100";
inline constexpr char kInput[] = "type filter hook input priority 0";
inline constexpr char kOutput[] = "type filter hook output priority 0";

}  // namespace turnpike::test
