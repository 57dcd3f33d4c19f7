// A socket of one worker: its socket of a listener, or one that it opened while running.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/rate_limiter.h"
#include "io/crowded_buffer.h"
#include "io/send_batch.h"
#include "io/udp_socket.h"
#include "table/transport_handle.h"

namespace turnpike {

// Returns the side of the sockets of a kind.
inline Side SideOf(EndpointKind kind) {
  return kind == EndpointKind::kRelayed ? Side::kRelayed : Side::kClient;
}

struct Endpoint {
  Endpoint(TransportHandle handle_in, Side side_in, UdpSocket socket_in)
      : handle(handle_in), side(side_in), socket(std::move(socket_in)), sends(socket, side_in) {}

  // Returns the socket that data is sent by.
  SendSocket& data_sends(bool from_trunk_port) {
    return lane != nullptr && !from_trunk_port ? lane->sends : sends;
  }

  // A lane has the handle of its trunk address.
  const TransportHandle handle;
  const Side side;
  UdpSocket socket;
  // Sends through the socket itself: messages of TypeScript, and replies to probes.
  SendSocket sends;
  // For a trunk address: the lane socket that sends data in its place, or null.
  Endpoint* lane = nullptr;
  bool is_lane = false;
  // A relayed endpoint: the number of its IP address if that is one of the plane's relayed
  // addresses, and the transport address that clients and peers see.
  uint8_t relayed_number = 0;
  TransportAddress relayed_address;
  // Whether a shared socket receives in its place (PortSteering).
  bool is_steered = false;
  // Its part of what the shared socket received while that was half full (CrowdedBuffer).
  uint32_t crowd = 0;
  uint32_t crowd_bytes = 0;
  // A shared socket itself, which has no handle: its state; null for all others.
  std::unique_ptr<CrowdedBuffer> shared;
  // The errno with which the socket failed permanently, or 0.
  int ended_with = 0;
  RateLimiter icmp_errors;
  // Time of the last read of the kernel's drop counter.
  uint64_t drops_counted_ns = 0;
  // Links of the list of readable endpoints.
  Endpoint* before = nullptr;
  Endpoint* behind = nullptr;
  bool listed = false;
};

// Endpoints with datagrams to read, in round-robin order.
class ReadableEndpoints {
 public:
  size_t size() const { return size_; }

  // Appends an endpoint if it is not in the list.
  void Add(Endpoint& endpoint) {
    if (endpoint.listed) return;
    endpoint.listed = true;
    endpoint.before = last_;
    endpoint.behind = nullptr;
    (last_ == nullptr ? first_ : last_->behind) = &endpoint;
    last_ = &endpoint;
    ++size_;
  }
  // Removes an endpoint if it is in the list.
  void Remove(Endpoint& endpoint) {
    if (!endpoint.listed) return;
    endpoint.listed = false;
    (endpoint.before == nullptr ? first_ : endpoint.before->behind) = endpoint.behind;
    (endpoint.behind == nullptr ? last_ : endpoint.behind->before) = endpoint.before;
    --size_;
  }
  // Removes and returns the first endpoint. The list must not be empty.
  Endpoint& TakeFirst() {
    Endpoint& endpoint = *first_;
    Remove(endpoint);
    return endpoint;
  }

 private:
  Endpoint* first_ = nullptr;
  Endpoint* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace turnpike
