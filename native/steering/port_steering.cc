#include "steering/port_steering.h"

#include <unistd.h>

#include <atomic>

namespace turnpike {

static_assert(TP_STEERING_IPS_MAX == kRelayedIpsMax);
static_assert(TP_STEERING_WORKERS_MAX == kWorkersMax);
static_assert(sizeof(tp_steering_ip) == sizeof(IpAddress));

namespace {

// The byte of a port, which the program reads while workers write.
std::atomic<uint8_t>& CellOf(tp_steering_ports& ports, uint16_t port) {
  static_assert(sizeof(std::atomic<uint8_t>) == 1 && std::atomic<uint8_t>::is_always_lock_free);
  return reinterpret_cast<std::atomic<uint8_t>&>(ports.worker[port]);
}

// A worker's number in the maps.
uint8_t NumberOf(uint8_t worker) { return static_cast<uint8_t>(worker + 1); }

}  // namespace

Status PortSteering::Open(const std::vector<IpAddress>& ips,
                          const std::vector<SharedSocket>& sockets) {
  Status status;
  if (const int error = tp_steering_load(static_cast<unsigned>(ips.size()), &program_);
      error != 0) {
    status = Status::System("cannot load the BPF program", -error);
  }
  if (status.ok()) status = ports_.Map(program_.ports, ips.size());
  if (status.ok()) status = Fill(ips, sockets);
  if (status.ok()) {
    const int link = LinkSocketLookup(program_.program, sockets.front().fd);
    if (link > 0) {
      link_ = link;
    } else {
      status = Status::System("cannot attach the BPF program", -link);
    }
  }
  if (!status.ok()) Close();
  return status;
}

Status PortSteering::Fill(const std::vector<IpAddress>& ips,
                          const std::vector<SharedSocket>& sockets) {
  for (uint32_t i = static_cast<uint32_t>(ips.size()); i-- > 0;) {
    const int error = UpdateBpfMap(program_.ips, ips[i].bytes.data(), &i);
    if (error != 0) return Status::System("cannot fill a BPF map", -error);
  }
  for (const SharedSocket& socket : sockets) {
    const uint32_t index = tp_steering_socket(NumberOf(socket.worker), socket.ipv6);
    const uint64_t descriptor = static_cast<uint64_t>(socket.fd);
    const int error = UpdateBpfMap(program_.sockets, &index, &descriptor);
    if (error != 0) return Status::System("cannot put a socket into a BPF map", -error);
  }
  return {};
}

void PortSteering::Close() {
  if (link_ > 0) close(link_);
  link_ = 0;
  ports_.Unmap();
  tp_steering_close(&program_);
}

void PortSteering::Steer(uint8_t number, uint16_t port, uint8_t worker) {
  CellOf(ports_[number - 1], port).store(NumberOf(worker), std::memory_order_release);
}

void PortSteering::Stop(uint8_t number, uint16_t port, uint8_t worker) {
  uint8_t expected = NumberOf(worker);
  CellOf(ports_[number - 1], port).compare_exchange_strong(expected, 0, std::memory_order_relaxed);
}

}  // namespace turnpike
