// Datagrams to be sent by a worker through any of its sockets, sorted by socket and destination. A
// run of equally long datagrams of one traffic class to one destination is sent as one message that
// the kernel or the device segments (UDP_SEGMENT). All messages of a socket are sent by one system
// call. Datagrams through one socket to one destination stay in order.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>

#include "base/interface.h"
#include "forward/outgoing.h"
#include "io/counters.h"
#include "io/segments_over_path_mtu.h"
#include "io/socket_address.h"
#include "io/udp_socket.h"

namespace turnpike {

// Maximum number of datagrams in a batch.
inline constexpr uint32_t kSendBatchDatagrams = 256;
// Bytes for datagrams that cannot be built in place.
inline constexpr uint32_t kSendRoomBytes = kSendBatchDatagrams * 1'536;
// Maximum number of segments of one send: UDP_MAX_SEGMENTS of kernels before 6.9.
inline constexpr uint32_t kSegmentsMax = 64;
// Bytes of one segmented send: the UDP payload of the longest IPv4 packet.
inline constexpr uint32_t kSegmentRunBytesMax = 65'507;
// Maximum segment size in bytes: the largest UDP payload in an Ethernet frame, because the kernel
// does not fragment segments.
inline constexpr uint32_t kSegmentBytesMax = 1'472;

// A socket with what its worker's batches have learnt about segmentation.
class SendSocket {
 public:
  // `socket` outlives this object.
  SendSocket(const UdpSocket& socket, Side side) : socket_(socket), side_(side) {}

 private:
  friend class SendBatch;

  const UdpSocket& socket_;
  const Side side_;
  // Index among the sockets of the current flush, valid if that entry refers back to this socket.
  uint16_t socket_index_ = 0;
  // Maximum segment size in bytes; 0 if the device cannot segment.
  uint32_t segment_bytes_max_ = kSegmentBytesMax;
  SegmentsOverPathMtu segments_over_path_mtu_;
};

class SendBatch {
 public:
  SendBatch();

  // Returns memory for a datagram that cannot be built in place, valid until Flush. Null if there
  // is not enough left; after a Flush there is enough for any datagram.
  uint8_t* TakeRoom(uint32_t bytes);
  // Returns memory for the path of the next datagram, valid until Flush. Flush first when full.
  FiveTuple* NextPath() { return &paths_[count_]; }
  // Adds a datagram. Its bytes, its path and the socket must stay valid until Flush. Flush first
  // when full.
  void Add(SendSocket& through, const Outgoing& outgoing);
  bool full() const { return count_ == kSendBatchDatagrams; }
  bool empty() const { return count_ == 0; }

  // Sends all datagrams. A datagram that the kernel refuses is skipped. If the send buffer is full,
  // the rest for that socket is dropped, because waiting would stop the worker. Refused segments
  // are sent one by one. If the device cannot segment, the socket does not use segmentation again.
  // If segments exceed the path MTU, none of that length is sent to the address for a while.
  void Flush(CounterRow& counters);

  // Flushes the batch, then sends this datagram unfragmented. Returns 0, or errno: EMSGSIZE if the
  // datagram is too long for the device. The caller counts a refusal.
  int SendUnfragmented(SendSocket& through, const Outgoing& outgoing, CounterRow& counters);

 private:
  struct alignas(8) Control {
    uint8_t bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +
                  CMSG_SPACE(sizeof(uint16_t))];
  };
  static constexpr uint16_t kNone = 0xffff;
  struct Entry {
    Outgoing outgoing;
    // Index of the next datagram to the same destination, or kNone.
    uint16_t next;
  };
  // The datagrams through one socket to one destination, in order.
  struct Group {
    uint16_t first;
    uint16_t last;
    // The socket's index, and the socket's next group, or kNone.
    uint16_t socket_index;
    uint16_t next;
  };
  // A socket of this flush, with its groups in the order of their first datagrams.
  struct Socket {
    SendSocket* socket;
    uint16_t first_group;
    uint16_t last_group;
  };
  // A bucket of the table of groups. It is empty unless `round` is the current flush's. Rounds
  // start at 1.
  struct Bucket {
    uint32_t round;
    uint16_t group;
  };
  // A message with its datagrams.
  struct Run {
    uint16_t first;
    uint16_t datagrams;
    uint32_t bytes;
    // Length of the control data that a single datagram of it needs.
    uint32_t single_control_bytes;
  };
  // All memory that messages point to. There are at most as many messages as datagrams.
  struct Messages {
    std::array<mmsghdr, kSendBatchDatagrams> headers;
    std::array<iovec, kSendBatchDatagrams> vectors;
    std::array<SocketAddress, kSendBatchDatagrams> remotes;
    std::array<Control, kSendBatchDatagrams> controls;
    std::array<Run, kSendBatchDatagrams> runs;
    uint32_t count;
    uint32_t vector_count;
  };

  // Returns the index of a socket in this flush.
  uint16_t SocketIndexOf(SendSocket& socket);
  // Returns the bucket of a destination's group.
  Bucket& BucketOf(uint16_t socket_index, const FiveTuple& path);
  // Builds the messages of a socket.
  void Build(const Socket& socket);
  // Sends the messages of a socket.
  void Send(SendSocket& socket, CounterRow& counters);
  // Removes all datagrams.
  void Clear();
  // Appends the message that starts at datagram `first`. Returns the datagram after it, or kNone.
  uint16_t AppendRun(const SendSocket& socket, uint16_t first);
  // Adds a datagram to the message whose iovecs start at `first`.
  void AppendVector(const Outgoing& outgoing, iovec* first);
  // Append control messages: what each datagram of the run needs first, then the segment size.
  void AppendSource(msghdr* header, const IpAddress& local);
  void AppendTrafficClass(msghdr* header, const Outgoing& outgoing);
  void AppendSegmentSize(msghdr* header, uint16_t segment_bytes);
  // Handles the error that the kernel returned for the message at `index`.
  void HandleSendError(SendSocket& socket, uint32_t index, int error_number, CounterRow& counters);
  // Sends segments that are larger than the path MTU as single datagrams, which the kernel
  // fragments, and notes their length for the address.
  void SendSegmentsOverPathMtu(SendSocket& socket, uint32_t index, CounterRow& counters);
  // Sends the datagrams of a refused run one by one. Returns whether any was sent.
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
  std::array<FiveTuple, kSendBatchDatagrams> paths_;
  std::array<Group, kSendBatchDatagrams> groups_;
  std::array<Socket, kSendBatchDatagrams> sockets_;
  std::array<Bucket, 2 * kSendBatchDatagrams> buckets_{};
  std::unique_ptr<Messages> messages_;
  // Allocated when the first datagram needs it.
  std::unique_ptr<uint8_t[]> room_;
  uint32_t room_taken_ = 0;
};

}  // namespace turnpike
