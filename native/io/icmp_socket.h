// A raw socket that receives the ICMP errors of the network namespace. The kernel gives an error
// about a datagram of a steered port to the shared socket, without the port, so this socket reads
// what the error quotes.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "wire/icmp_error.h"

namespace turnpike {

class IcmpSocket {
 public:
  IcmpSocket() = default;
  ~IcmpSocket();
  IcmpSocket(IcmpSocket&& other) noexcept;
  IcmpSocket& operator=(IcmpSocket&&) = delete;

  // Needs CAP_NET_RAW.
  Status Open(bool ipv6);

  enum class Taken : uint8_t { kNone, kError, kOther };
  // Takes the next message without blocking. `error` is set only for an error about a UDP datagram.
  Taken Take(IcmpError* error) const;

  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  bool ipv6_ = false;
};

}  // namespace turnpike
