// Datagrams that wait to leave through one socket in one system call.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "base/limits.h"
#include "forward/forwarder.h"
#include "io/counters.h"
#include "io/socket_address.h"
#include "io/udp_socket.h"

namespace turnpike {

class SendBatch {
 public:
  // `socket` outlives the batch.
  SendBatch(const UdpSocket& socket, Side side) : socket_(socket), side_(side) {}

  // Adds a datagram, whose bytes must stay until Flush. Flush first when full.
  void Add(const Outgoing& outgoing);
  bool full() const { return count_ == kBatchPackets; }
  bool empty() const { return count_ == 0; }

  // Sends all of it. A datagram that the kernel refuses is skipped alone; when the kernel has no
  // room the rest is dropped, because waiting here would stop everything else.
  void Flush(CounterRow& counters);

 private:
  struct alignas(8) Control {
    uint8_t bytes[CMSG_SPACE(sizeof(in6_pktinfo))];
  };

  void SetSource(size_t index, const IpAddress& local);
  void CountSent(size_t first, size_t count, CounterRow& counters) const;

  const UdpSocket& socket_;
  const Side side_;
  uint32_t count_ = 0;
  std::array<mmsghdr, kBatchPackets> messages_{};
  std::array<iovec, kBatchPackets> vectors_;
  std::array<SocketAddress, kBatchPackets> remotes_;
  std::array<Control, kBatchPackets> controls_;
};

}  // namespace turnpike
