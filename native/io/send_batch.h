// Datagrams that wait to leave a worker, through any of its sockets. They are sorted by socket and
// destination; runs of equal length to one destination leave as one message that the kernel or the
// device cuts (UDP_SEGMENT), and all messages of a socket leave in one system call. Datagrams
// through one socket to one destination leave in the order in which they were added.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>

#include "base/interface.h"
#include "forward/outgoing.h"
#include "io/counters.h"
#include "io/oversize_segments.h"
#include "io/socket_address.h"
#include "io/udp_socket.h"

namespace turnpike {

// Datagrams that wait to leave a worker.
inline constexpr uint32_t kSendBatchDatagrams = 256;
// Memory for those of them that cannot be made where they were received.
inline constexpr uint32_t kSendRoomBytes = kSendBatchDatagrams * 1'536;
// Segments and bytes of one segmented send: UDP_MAX_SEGMENTS of kernels before 6.9, and what one
// IPv4 packet holds.
inline constexpr uint32_t kSegmentsMax = 64;
// Bytes of one segmented send: the UDP payload of the longest IPv4 packet.
inline constexpr uint32_t kSegmentRunBytesMax = 65'507;
// Longer datagrams do not fit an Ethernet frame, and the kernel fragments no segment.
inline constexpr uint32_t kSegmentBytesMax = 1'472;

// A socket as the batches of its worker send through it, and what sending has taught of it.
class SendSocket {
 public:
  // `socket` outlives it.
  SendSocket(const UdpSocket& socket, Side side) : socket_(socket), side_(side) {}

 private:
  friend class SendBatch;

  const UdpSocket& socket_;
  const Side side_;
  // Its place among the sockets of the present flush, where that place names it.
  uint16_t place_ = 0;
  // The longest segment that may be part of a run; 0 where the device can make none.
  uint32_t segment_bytes_max_ = kSegmentBytesMax;
  OversizeSegments oversize_segments_;
};

class SendBatch {
 public:
  SendBatch();

  // Memory for a datagram that cannot be made where it was received, until Flush; null when there
  // is none left before that. There is enough for any datagram after it.
  uint8_t* TakeRoom(uint32_t bytes);
  // Adds a datagram, whose bytes and path must stay until Flush, and the socket too. Flush first
  // when full.
  void Add(SendSocket& through, const Outgoing& outgoing);
  bool full() const { return count_ == kSendBatchDatagrams; }
  bool empty() const { return count_ == 0; }

  // Sends all of it. A datagram that the kernel refuses is skipped alone; when the kernel has no
  // room the rest of that socket is dropped, because waiting here would stop everything else.
  // Segments that are refused leave one by one. Where the device cannot make them none is tried
  // again on this socket; where they are too long for the path none so long is tried again to that
  // address for a while.
  void Flush(CounterRow& counters);

  // Sends what waits, then this one unfragmented. 0, or the errno: EMSGSIZE where it is too long
  // for the device. What the kernel refuses is counted by the caller.
  int SendUnfragmented(SendSocket& through, const Outgoing& outgoing, CounterRow& counters);

 private:
  struct alignas(8) Control {
    uint8_t bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
  };
  static constexpr uint16_t kNone = 0xffff;
  struct Entry {
    Outgoing outgoing;
    // The next datagram to the same destination, or kNone.
    uint16_t next;
  };
  // The datagrams through one socket to one destination, in order.
  struct Group {
    uint16_t first;
    uint16_t last;
    // The socket's place, and its next group, or kNone.
    uint16_t place;
    uint16_t next;
  };
  // A socket of this flush, with its groups in the order of their first datagrams.
  struct Socket {
    SendSocket* socket;
    uint16_t first_group;
    uint16_t last_group;
  };
  // A bucket of the table that finds a destination's group; of an earlier flush unless `round` is
  // the present one. No flush has round 0.
  struct Bucket {
    uint32_t round;
    uint16_t group;
  };
  // A message and the datagrams in it.
  struct Run {
    uint16_t first;
    uint16_t datagrams;
    uint32_t bytes;
    // Control bytes of one datagram of it alone.
    uint32_t source_control_bytes;
  };
  // Everything that a message points to; at most one message for each datagram.
  struct Messages {
    std::array<mmsghdr, kSendBatchDatagrams> headers;
    std::array<iovec, kSendBatchDatagrams> vectors;
    std::array<SocketAddress, kSendBatchDatagrams> remotes;
    std::array<Control, kSendBatchDatagrams> controls;
    std::array<Run, kSendBatchDatagrams> runs;
    uint32_t count;
    uint32_t vector_count;
  };

  // The place of a socket in this flush.
  uint16_t PlaceOf(SendSocket& socket);
  // The bucket of a destination's group in this flush's table.
  Bucket& BucketOf(uint16_t place, const FiveTuple& path);
  // Makes messages of all datagrams of a socket.
  void Build(const Socket& socket);
  // Sends the messages of a socket.
  void Send(SendSocket& socket, CounterRow& counters);
  // Forgets all datagrams.
  void Clear();
  // Appends the message that starts at entry `first`; returns the entry behind it, or kNone.
  uint16_t AppendRun(const SendSocket& socket, uint16_t first);
  // Adds a datagram to the message whose vectors begin at `first`.
  void AppendVector(const Outgoing& outgoing, iovec* first);
  // Adds the message's control parts: the source first, where one is chosen.
  void AppendSource(msghdr* header, const IpAddress& local);
  void AppendSegmentSize(msghdr* header, uint16_t segment_bytes);
  // What becomes of the first message left after the kernel refused it.
  void HandleRefusal(SendSocket& socket, uint32_t index, int error_number, CounterRow& counters);
  // Sends a refused run's datagrams one by one; whether any left.
  bool SendSingly(const SendSocket& socket, uint32_t index, CounterRow& counters);
  void CountSent(const SendSocket& socket, uint32_t first, uint32_t count,
                 CounterRow& counters) const;
  void AddSent(const SendSocket& socket, uint64_t datagrams, uint64_t bytes,
               CounterRow& counters) const;
  void CountDropped(uint32_t first, CounterRow& counters) const;

  uint32_t count_ = 0;
  uint32_t group_count_ = 0;
  uint32_t socket_count_ = 0;
  uint32_t round_ = 1;
  std::array<Entry, kSendBatchDatagrams> entries_;
  std::array<Group, kSendBatchDatagrams> groups_;
  std::array<Socket, kSendBatchDatagrams> sockets_;
  std::array<Bucket, 2 * kSendBatchDatagrams> buckets_{};
  std::unique_ptr<Messages> messages_;
  // Made when the first datagram needs it.
  std::unique_ptr<uint8_t[]> room_;
  uint32_t room_taken_ = 0;
};

}  // namespace turnpike
