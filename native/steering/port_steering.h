// Brings what relayed transport addresses receive to one socket of each worker instead of one for
// each port, where the kernel and the process's rights allow it (BPF_SK_LOOKUP). The sockets that
// are bound to the ports stay: they send, and receive whatever is not steered.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bpf_map.h"
#include "base/interface.h"
#include "base/ip_address.h"
#include "base/status.h"
#include "steering/steer_loader.h"
#include "steering/steering_maps.h"

namespace turnpike {

class PortSteering {
 public:
  // A worker's socket for all steered ports of a family.
  struct SharedSocket {
    uint8_t worker;
    bool ipv6;
    int fd;
  };

  PortSteering() = default;
  ~PortSteering() { Close(); }
  PortSteering(const PortSteering&) = delete;
  PortSteering& operator=(const PortSteering&) = delete;

  // Loads the program with no port steered, and attaches it to the network namespace of the
  // sockets, until Close or the end of the process. Fails without CAP_BPF and CAP_NET_ADMIN, and on
  // kernels before 5.14; then nothing is open. `ips`, at most kRelayedIpsMax, are numbered from 1;
  // of equal ones the first counts. There is at least one socket. Before any other call.
  Status Open(const std::vector<IpAddress>& ips, const std::vector<SharedSocket>& sockets);
  void Close();

  bool IsOpen() const { return link_ > 0; }
  // Whether the program is attached now.
  bool IsAttached() const { return IsOpen() && IsAttachedSocketLookup(link_); }

  // The worker that owns a port of the IP with this number: steers the port, or leaves it to the
  // socket that is bound to it. Stop does nothing if another worker has the port meanwhile.
  void Steer(uint8_t number, uint16_t port, uint8_t worker);
  void Stop(uint8_t number, uint16_t port, uint8_t worker);

 private:
  Status Fill(const std::vector<IpAddress>& ips, const std::vector<SharedSocket>& sockets);

  tp_steering program_{};
  BpfArray<tp_steering_ports> ports_;
  int link_ = 0;
};

}  // namespace turnpike
