// The datagrams of one receive call, each in a buffer with room before it. With UDP_GRO the kernel
// hands over runs of equal datagrams of one sender as one message; here they come apart again.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "forward/forwarder.h"
#include "io/socket_address.h"
#include "io/udp_socket.h"

namespace turnpike {

// Messages that one system call receives. Where they are super-frames fewer are asked for, so that
// the working set of a turn stays in the second-level cache.
inline constexpr uint32_t kBatchMessages = 64;
// Fewest messages that are asked for where super-frames arrive.
inline constexpr uint32_t kBatchMessagesMin = 8;
// A batch of more bytes halves the messages asked for next.
inline constexpr uint32_t kBatchBytesHigh = 512 * 1024;
// A batch of fewer bytes doubles the messages asked for next.
inline constexpr uint32_t kBatchBytesLow = 128 * 1024;
// Datagrams that are looked up together, so that the cache misses of one hide behind the others'.
inline constexpr uint32_t kChunkPackets = 64;
// Distance between two receive buffers. No power of two, so that the first lines of all of them do
// not fall into the same cache sets; a multiple of the cache line. Pages never touched cost
// nothing.
inline constexpr uint32_t kBufferStrideBytes = 65'536 + 4'096 + 320;

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
