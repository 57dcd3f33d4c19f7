// The part of Worker that has its relayed endpoints steered (PortSteering), and receives for them.
#include <errno.h>

#include <cstring>

#include "io/clock.h"
#include "io/worker.h"

namespace turnpike {

namespace {

// Errors of one raw socket handled before the other sockets are served.
constexpr uint32_t kErrorsPerLook = 16;

}  // namespace

Status Worker::AddSharedSocket(UdpSocket socket) {
  auto& added = shared_.emplace_back(
      std::make_unique<Endpoint>(TransportHandle(), Side::kRelayed, std::move(socket)));
  added->shared = std::make_unique<CrowdedBuffer>();
  return Watch(*added) ? Status{} : Status::System("cannot watch a socket", errno);
}

Status Worker::AddIcmpSocket(IcmpSocket socket) {
  auto& added = icmp_sockets_.emplace_back(std::make_unique<IcmpSocket>(std::move(socket)));
  return Watch(added->fd(), added.get()) ? Status{}
                                         : Status::System("cannot watch a socket", errno);
}

void Worker::Steer(Endpoint& endpoint) {
  if (steering_ == nullptr) return;
  steering_->Steer(endpoint.relayed_number, endpoint.relayed_address.port, options_.index);
  endpoint.is_steered = true;
}

void Worker::StopSteering(Endpoint& endpoint) {
  if (steering_ == nullptr) return;
  steering_->Stop(endpoint.relayed_number, endpoint.relayed_address.port, options_.index);
  endpoint.is_steered = false;
}

void Worker::AssignReceived() {
  const RelayedAddresses& addresses = *options_.relayed_addresses;
  const uint32_t without = batch_.Assign([&](const TransportAddress& destination) {
    const uint8_t number = addresses.NumberOfBound(destination.ip);
    if (number == RelayedAddresses::kNone) return TransportHandle();
    const TransportHandle handle = addresses.At(number, destination.port);
    // The port may have become another worker's since.
    return handle.worker() == options_.index ? handle : TransportHandle();
  });
  if (without > 0) counters_.Add(Counter::kEndpointGone, without);
}

void Worker::RelieveShared(Endpoint& shared, ReceiveBatch::Result result, const Now& now) {
  CrowdedBuffer& buffer = *shared.shared;
  if (result != ReceiveBatch::Result::kMore) return buffer.Note(false);
  if (buffer.IsLookDue(now.monotonic_ns)) buffer.Note(shared.socket.IsHalfFull());
  if (!buffer.counting()) return;
  batch_.ForEachMessage([&](TransportHandle handle, uint32_t length) {
    Endpoint* const endpoint = EndpointOf(handle);
    if (endpoint == nullptr || !endpoint->is_steered) return;
    if (!buffer.Count(length, &endpoint->crowd, &endpoint->crowd_bytes)) return;
    // Its own socket receives from now on, so that what it cannot take costs no other endpoint.
    StopSteering(*endpoint);
    counters_.Add(Counter::kSteeringStopped);
  });
}

const IcmpSocket* Worker::IcmpSocketOf(const void* pointer) const {
  for (const std::unique_ptr<IcmpSocket>& socket : icmp_sockets_) {
    if (socket.get() == pointer) return socket.get();
  }
  return nullptr;
}

void Worker::TakeIcmpErrors(const IcmpSocket& socket) {
  const RelayedAddresses& addresses = *options_.relayed_addresses;
  for (uint32_t i = 0; i < kErrorsPerLook; ++i) {
    IcmpError error;
    const IcmpSocket::Taken taken = socket.Take(&error);
    if (taken == IcmpSocket::Taken::kNone) break;
    if (taken == IcmpSocket::Taken::kOther) continue;
    const uint8_t number = addresses.NumberOfBound(error.local.ip);
    if (number == RelayedAddresses::kNone) continue;
    const TransportHandle handle = addresses.At(number, error.local.port);
    if (handle.transport() == Transport::kNone) continue;
    const FiveTuple path{error.remote, IpAddress{}, handle};
    const Outgoing about{&path, reinterpret_cast<const uint8_t*>(&error), sizeof(error)};
    if (Endpoint* const endpoint = EndpointOf(handle)) {
      TakeIcmpError(*endpoint, about, ReadClock());
    } else {
      PassOn(HandOver::kIcmpError, about);
    }
  }
  WakeHandedOver();
}

void Worker::TakeIcmpError(Endpoint& endpoint, const Outgoing& about, const Now& now) {
  // A socket that is not steered, or not any more, has the error in its own queue.
  ReportIcmpErrors(endpoint);
  if (!endpoint.is_steered) return;
  if (!steering_->IsAttached()) {
    // Its own socket has the error, maybe only in a moment, since the program was detached.
    endpoint.is_steered = false;
    return;
  }
  IcmpError error;
  std::memcpy(&error, about.data, sizeof(error));
  ReportIcmpError(endpoint, error, now.monotonic_ns);
}

}  // namespace turnpike
