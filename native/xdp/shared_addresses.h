// Conversions of addresses to the layouts of the BPF program.
#pragma once

#include <cstdint>
#include <cstring>

#include "table/five_tuple.h"
#include "xdp/checksum.h"
#include "xdp/map_structs.h"

namespace turnpike {

inline tp_address ToShared(const IpAddress& ip) {
  tp_address address;
  std::memcpy(&address, ip.bytes.data(), sizeof(address));
  return address;
}

inline tp_flow_key MakeKey(const TransportAddress& remote, const TransportAddress& local,
                           uint16_t channel) {
  tp_flow_key key{};
  key.remote = ToShared(remote.ip);
  key.local = ToShared(local.ip);
  key.remote_port = TP_BE16(remote.port);
  key.local_port = TP_BE16(local.port);
  key.channel = TP_BE16(channel);
  return key;
}

}  // namespace turnpike
