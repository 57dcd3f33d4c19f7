// The datagrams of one receive call, each in a slot with room before it.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "base/limits.h"
#include "base/mapped_array.h"
#include "forward/forwarder.h"
#include "io/socket_address.h"
#include "io/udp_socket.h"

namespace turnpike {

class PacketBatch {
 public:
  Status Allocate();

  // Receives what is there, at most kBatchPackets, without waiting. Returns how many, 0 when there
  // was nothing, or a negative errno. `socket_index` goes into the tuples.
  int Receive(const UdpSocket& socket, uint16_t socket_index);

  // The datagrams of the last call.
  const Packet& operator[](size_t index) const { return packets_[index]; }

 private:
  // Enough for one in6_pktinfo.
  struct alignas(8) Control {
    uint8_t bytes[64];
  };

  static IpAddress DestinationOf(msghdr& message);

  MappedArray<uint8_t> slots_;
  std::array<mmsghdr, kBatchPackets> messages_;
  std::array<iovec, kBatchPackets> vectors_;
  std::array<SocketAddress, kBatchPackets> remotes_;
  std::array<Control, kBatchPackets> controls_;
  std::array<Packet, kBatchPackets> packets_;
};

}  // namespace turnpike
