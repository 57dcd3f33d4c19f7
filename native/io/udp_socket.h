#pragma once

#include <cstdint>
#include <utility>

#include "base/status.h"
#include "table/five_tuple.h"
#include "wire/icmp_error.h"

namespace turnpike {

// A UDP socket of one worker. Owns the descriptor.
class UdpSocket {
 public:
  UdpSocket() = default;
  ~UdpSocket();
  UdpSocket(UdpSocket&& other) noexcept;
  UdpSocket& operator=(UdpSocket&&) = delete;

  // Binds the first socket of an address; port 0 selects a free port. The bind is exclusive: it
  // fails if another socket has the port, also one of a process of the same user that shares it.
  Status OpenFirst(const TransportAddress& address, uint32_t buffer_bytes);
  // Lets the other workers' sockets bind to the same address. Call after OpenFirst.
  Status AllowSharing();
  // Binds a socket that sends trunk data, to a free port of the IP that OpenFirst bound. It
  // receives only replies to path probes.
  Status OpenLane(const TransportAddress& address, uint32_t buffer_bytes);
  // Binds another worker's socket to the address that OpenFirst bound, with the actual port.
  Status OpenShared(const TransportAddress& address, uint32_t buffer_bytes);

  // Binds a socket for PortSteering, which brings it datagrams to other addresses; each comes with
  // its destination.
  Status OpenSteered(bool ipv6, uint32_t buffer_bytes);

  // Sets whether datagrams are sent unfragmented and without regard to the kernel's path MTU, as
  // probes must be (RFC 8899 section 4.2). Off, which is the initial state, datagrams that do not
  // fit are fragmented.
  bool ForbidFragments(bool forbid) const;

  // Lets datagrams be received with their traffic class (IP_RECVTOS, IPV6_RECVTCLASS).
  Status ReportTrafficClass();

  // Enables IP_RECVERR: an ICMP error for a sent datagram makes one later call fail, and TakeError
  // returns its details.
  Status ReportErrors();
  bool reports_errors() const { return reports_errors_; }

  enum class ErrorTaken : uint8_t { kNone, kIcmp, kOther };
  // Takes the oldest queued error. `error` is set only for an ICMP error, without its `local`.
  ErrorTaken TakeError(IcmpError* error) const;

  // Lets the kernel poll the driver for packets in a receive call (SO_BUSY_POLL). Best effort: it
  // needs CAP_NET_ADMIN and driver support.
  void PreferBusyPoll(uint32_t microseconds);

  // Returns the number of datagrams that the kernel dropped since the last call, for a full receive
  // buffer or a wrong checksum.
  uint32_t TakeDrops();

  // Returns whether at least half of the receive buffer is in use.
  bool IsHalfFull() const;

  int fd() const { return fd_; }
  // The bound address, with the actual port.
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
