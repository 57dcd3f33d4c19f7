// The datagrams of one receive call, each in a buffer with headroom. With UDP_GRO the kernel
// delivers a run of equally long datagrams of one sender as one message; this class splits it.
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

// Maximum number of messages per receive call. Fewer are requested while super-packets arrive, so
// that a batch stays in the L2 cache.
inline constexpr uint32_t kBatchMessages = 64;
// Fewest messages that are asked for where super-frames arrive.
inline constexpr uint32_t kBatchMessagesMin = 8;
// A batch of more bytes halves the messages asked for next.
inline constexpr uint32_t kBatchBytesHigh = 512 * 1024;
// A batch of fewer bytes doubles the messages asked for next.
inline constexpr uint32_t kBatchBytesLow = 128 * 1024;
// Datagrams that are looked up together, so that their cache misses overlap.
inline constexpr uint32_t kChunkPackets = 64;
// Distance between two receive buffers: a multiple of the cache line but no power of two, so that
// their first lines fall into different cache sets. Pages that are never touched use no memory.
inline constexpr uint32_t kBufferStrideBytes = 65'536 + 4'096 + 320;

class ReceiveBatch {
 public:
  enum class Result : uint8_t { kDrained, kMore, kFailed };

  Status Allocate();

  // Receives at most kBatchMessages waiting messages without blocking. `handle` is put into the
  // 5-tuples. kDrained means that no more wait; epoll reports the next ones. NextChunk leaves out
  // messages of a handle of no socket.
  Result Receive(const UdpSocket& socket, TransportHandle handle);

  // Puts the handles of endpoints into the 5-tuples of what a shared socket received:
  // `handle_of(destination)` returns the handle, or one of no socket. Returns the number of
  // datagrams without an endpoint.
  template <typename HandleOf>
  uint32_t Assign(HandleOf&& handle_of) {
    uint32_t without = 0;
    for (uint32_t i = 0; i < count_; ++i) {
      Message& message = messages_[i];
      const bool repeats = i > 0 && message.destination == messages_[i - 1].destination;
      message.tuple.handle =
          repeats ? messages_[i - 1].tuple.handle : handle_of(message.destination);
      if (!message.has_endpoint()) without += message.datagrams();
    }
    return without;
  }

  // Calls `visit(handle, bytes)` for each message of the last Receive that has an endpoint.
  template <typename Visit>
  void ForEachMessage(Visit&& visit) const {
    for (uint32_t i = 0; i < count_; ++i) {
      const Message& message = messages_[i];
      if (message.has_endpoint()) visit(message.tuple.handle, message.length);
    }
  }

  // Moves to the next datagrams, at most kChunkPackets. Returns their number, 0 at the end.
  // operator[] accesses them until the next call. A datagram that follows another one of the same
  // message has no headroom.
  uint32_t NextChunk();
  const Packet& operator[](size_t index) const { return packets_[index]; }

  // Number of messages of the last Receive.
  uint32_t messages() const { return count_; }

 private:
  // Room for in6_pktinfo or the destination, the traffic class and the segment size.
  struct alignas(8) Control {
    uint8_t bytes[CMSG_SPACE(sizeof(sockaddr_in6)) + 2 * CMSG_SPACE(sizeof(int))];
  };
  // A received message.
  struct Message {
    FiveTuple tuple;
    uint32_t length;
    // Length of each of its datagrams; the last one may be shorter.
    uint32_t segment_bytes;
    // Of each of its datagrams: the kernel joins none that differ in it.
    uint8_t traffic_class;
    // Set by a socket of UdpSocket::OpenSteered.
    TransportAddress destination;

    bool has_endpoint() const { return tuple.handle.transport() != Transport::kNone; }
    uint32_t datagrams() const {
      return length <= segment_bytes ? 1 : (length + segment_bytes - 1) / segment_bytes;
    }
  };

  static void ReadControl(msghdr& header, Message* message);
  // Requests fewer messages when they are long, more when they are short.
  void AdaptTo(uint64_t bytes);

  MappedArray<uint8_t> buffers_;
  uint32_t messages_max_ = kBatchMessages;
  uint32_t count_ = 0;
  // Position of the next chunk.
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
