// The relayed transport addresses of a data plane (RFC 8656 section 2): which of its endpoints
// has which, so that what one allocation sends to another is delivered by this table. The kernel
// would not deliver it where the address is one that a NAT translates, since NATs rarely translate
// between two hosts behind them. Workers write their own endpoints, every worker reads, without a
// lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mapped_array.h"
#include "table/five_tuple.h"

namespace turnpike {

// An IP address that relayed endpoints are bound to, and the one that clients and peers see: the
// same, but for a one-to-one NAT.
struct RelayedIp {
  IpAddress bound;
  IpAddress advertised;
};

class RelayedAddresses {
 public:
  // The number of no IP address.
  static constexpr uint8_t kNone = 0;

  // At most kRelayedIpsMax, before any other call.
  Status Allocate(const std::vector<RelayedIp>& ips) {
    for (const RelayedIp& ip : ips) {
      ips_.push_back(std::make_unique<Ip>());
      ips_.back()->ip = ip;
      if (Status status = ips_.back()->endpoints.Allocate(kPorts); !status.ok()) return status;
    }
    return {};
  }

  // Returns the number of an IP address, as advertised or as bound, or kNone.
  uint8_t NumberOf(const IpAddress& address) const {
    uint8_t bound = kNone;
    for (uint8_t i = 0; i < ips_.size(); ++i) {
      if (ips_[i]->ip.advertised == address) return i + 1;
      if (bound == kNone && ips_[i]->ip.bound == address) bound = i + 1;
    }
    return bound;
  }
  // Returns the number of an IP address that endpoints are bound to, or kNone.
  uint8_t NumberOfBound(const IpAddress& address) const {
    for (uint8_t i = 0; i < ips_.size(); ++i) {
      if (ips_[i]->ip.bound == address) return i + 1;
    }
    return kNone;
  }

  const IpAddress& Advertised(uint8_t number) const { return ips_[number - 1]->ip.advertised; }

  // The worker of an endpoint: adds or removes it. A port whose endpoint was closed may be another
  // one's before its worker removes it; then Remove does nothing and returns false.
  void Add(uint8_t number, uint16_t port, TransportHandle endpoint) {
    Cell(number, port).store(endpoint.ToNumber(), std::memory_order_release);
  }
  bool Remove(uint8_t number, uint16_t port, TransportHandle endpoint) {
    uint64_t expected = endpoint.ToNumber();
    return Cell(number, port).compare_exchange_strong(expected, 0, std::memory_order_relaxed);
  }
  // Any worker: returns the endpoint of a port, or a handle of no socket.
  TransportHandle At(uint8_t number, uint16_t port) const {
    return TransportHandle::FromNumber(
        ips_[number - 1]->endpoints[port].load(std::memory_order_acquire));
  }

 private:
  static constexpr uint32_t kPorts = UINT16_MAX + 1;

  struct Ip {
    RelayedIp ip;
    // Handles by port; 0 without an endpoint. Pages of ports that are never used use no memory.
    MappedArray<std::atomic<uint64_t>> endpoints;
  };

  std::atomic<uint64_t>& Cell(uint8_t number, uint16_t port) {
    return ips_[number - 1]->endpoints[port];
  }

  std::vector<std::unique_ptr<Ip>> ips_;
};

}  // namespace turnpike
