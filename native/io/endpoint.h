// A socket of one worker: of an address that all workers have, or its own, opened while it runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/rate_limiter.h"
#include "io/send_batch.h"
#include "io/udp_socket.h"
#include "table/transport_handle.h"

namespace turnpike {

struct Endpoint {
  Endpoint(TransportHandle handle_in, Side side_in, UdpSocket socket_in)
      : handle(handle_in), side(side_in), socket(std::move(socket_in)), sends(socket, side_in) {}

  // Where data leaves.
  SendSocket& data_sends(bool from_trunk_port) {
    return lane != nullptr && !from_trunk_port ? lane->sends : sends;
  }

  // A lane has that of its trunk address.
  const TransportHandle handle;
  const Side side;
  UdpSocket socket;
  // Through the socket itself: what TypeScript answers, and replies to probes.
  SendSocket sends;
  // Of a trunk address: the socket that data leaves by in its place, or null.
  Endpoint* lane = nullptr;
  bool is_lane = false;
  // Its socket failed for good, with this errno; 0 while it has not.
  int ended_with = 0;
  RateLimiter icmp_errors;
  // When what the kernel dropped was counted last.
  uint64_t drops_counted_ns = 0;
  // Its neighbours in the list that it is in.
  Endpoint* before = nullptr;
  Endpoint* behind = nullptr;
  bool listed = false;
};

// Endpoints that have something to be read, in the order in which they take turns.
class ReadableEndpoints {
 public:
  size_t size() const { return size_; }

  // Adds one behind all others, where it is not among them.
  void Add(Endpoint& endpoint) {
    if (endpoint.listed) return;
    endpoint.listed = true;
    endpoint.before = last_;
    endpoint.behind = nullptr;
    (last_ == nullptr ? first_ : last_->behind) = &endpoint;
    last_ = &endpoint;
    ++size_;
  }
  // Takes one out, where it is among them.
  void Remove(Endpoint& endpoint) {
    if (!endpoint.listed) return;
    endpoint.listed = false;
    (endpoint.before == nullptr ? first_ : endpoint.before->behind) = endpoint.behind;
    (endpoint.behind == nullptr ? last_ : endpoint.behind->before) = endpoint.before;
    --size_;
  }
  // Takes the first one out; there is one.
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
