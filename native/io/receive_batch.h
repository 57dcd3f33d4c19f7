// The datagrams of one receive call, each in a buffer with room before it. With UDP_GRO the kernel
// hands over runs of equal datagrams of one sender as one message; here they come apart again.
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

class ReceiveBatch {
 public:
  enum class Result : uint8_t { kDrained, kMore, kFailed };

  Status Allocate();

  // Receives what is there without waiting, at most kBatchMessages. `handle` goes into the
  // tuples. kDrained: there was no more than this; the socket says when there is.
  Result Receive(const UdpSocket& socket, TransportHandle handle);

  // Takes the next datagrams, at most kChunkPackets, out of what was received. Returns how many, 0
  // at the end; operator[] has them until the next call. A datagram of the same message as the one
  // before it has no headroom.
  uint32_t NextChunk();
  const Packet& operator[](size_t index) const { return packets_[index]; }

  // How many messages the last Receive brought.
  uint32_t messages() const { return count_; }

 private:
  // Enough for in6_pktinfo and the segment size.
  struct alignas(8) Control {
    uint8_t bytes[CMSG_SPACE(20) + CMSG_SPACE(sizeof(int))];
  };
  // One message.
  struct Message {
    FiveTuple tuple;
    uint32_t length;
    // The length of all its datagrams but the last, which may be shorter.
    uint32_t segment_bytes;
  };

  static void ReadControl(msghdr& header, Message* message);
  // Fewer messages where they are long, more where they are short.
  void AdaptTo(uint64_t bytes);

  MappedArray<uint8_t> buffers_;
  uint32_t messages_max_ = kBatchMessages;
  uint32_t count_ = 0;
  // Where NextChunk goes on.
  uint32_t next_message_ = 0;
  uint32_t next_offset_ = 0;
  std::array<mmsghdr, kBatchMessages> headers_;
  std::array<iovec, kBatchMessages> vectors_;
  std::array<SocketAddress, kBatchMessages> remotes_;
  std::array<Control, kBatchMessages> controls_;
  std::array<Message, kBatchMessages> messages_;
  std::array<Packet, kChunkPackets> packets_;
};

}  // namespace turnpike
