#pragma once

#include <cstdint>
#include <utility>

#include "base/status.h"
#include "table/five_tuple.h"

namespace turnpike {

// One worker's socket of one of our addresses. Owns the descriptor.
class UdpSocket {
 public:
  UdpSocket() = default;
  ~UdpSocket();
  UdpSocket(UdpSocket&& other) noexcept;
  UdpSocket& operator=(UdpSocket&&) = delete;

  // Binds the first socket of an address (port 0: a free one), alone: nobody else, not even a
  // process of the same user that would share the port, may hold it already.
  Status OpenFirst(const TransportAddress& address, uint32_t buffer_bytes);
  // After OpenFirst: lets the other workers' sockets of this address in.
  Status AllowSharing();
  // Binds a socket that sends data, to a free port of the IP that OpenFirst bound. It receives
  // replies to path probes and nothing else.
  Status OpenLane(const TransportAddress& address, uint32_t buffer_bytes);
  // Binds a further worker's socket to the address that OpenFirst bound, with its real port.
  Status OpenShared(const TransportAddress& address, uint32_t buffer_bytes);

  // From here on what does not fit the way whole is not sent, or dropped on it, and the way's MTU
  // as the kernel believes it does not count (RFC 8899 section 4.2: probes are not fragmented).
  // Off, as at the start, what does not fit is fragmented.
  bool ForbidFragments(bool forbid) const;

  // From here on calls fail where an ICMP error came to what was sent (IP_RECVERR), once for each:
  // the next one goes through. TakeError has what it said.
  Status ReportErrors();
  bool reports_errors() const { return reports_errors_; }

  // An ICMP error as the kernel keeps it.
  struct IcmpError {
    // Where the datagram was sent to.
    TransportAddress remote;
    int error_number;
    uint8_t type;
    uint8_t code;
    // The MTU where the datagram was too long.
    uint32_t info;
  };
  enum class ErrorTaken : uint8_t { kNone, kIcmp, kOther };
  // Takes the oldest error that waits; only an ICMP error is written to `error`.
  ErrorTaken TakeError(IcmpError* error) const;

  // Lets the kernel look for packets in the driver at the end of a receive call that found too few
  // (SO_BUSY_POLL). Best effort: it needs CAP_NET_ADMIN and a driver that can.
  void PreferBusyPoll(uint32_t microseconds);

  // Datagrams that the kernel dropped since the last call: the receive buffer was full, or they had
  // a wrong checksum.
  uint32_t TakeDrops();

  int fd() const { return fd_; }
  // The address bound, with its real port.
  const TransportAddress& address() const { return address_; }
  bool wildcard() const { return address_.ip.IsWildcard(); }

 private:
  Status Create(const TransportAddress& address, uint32_t buffer_bytes);
  Status Bind();
  Status Failed(const char* what, int error_number) const;
  bool SetOption(int level, int option, int value) const;

  int fd_ = -1;
  TransportAddress address_;
  uint32_t kernel_drops_ = 0;
  bool reports_errors_ = false;
};

}  // namespace turnpike
