// The part of Worker that delivers what allocations get from others: of the data plane, and of
// other relays.
#include "io/worker.h"

namespace turnpike {

void Worker::Deliver(const Outgoing& outgoing, const Now& now) {
  const Endpoint* const from = EndpointOf(outgoing.path->handle);
  if (from == nullptr) return PassOn(HandOver::kDeliver, outgoing);
  const TransportHandle to =
      options_.relayed_addresses->At(outgoing.relayed_number, outgoing.path->remote.port);
  if (to.transport() == Transport::kNone) {
    counters_.Add(Counter::kRelayedPortClosed);
    return;
  }
  counters_.Add(Counter::kDelivered);
  const FiveTuple path{from->relayed_address, IpAddress{}, to};
  const Outgoing arriving{&path, outgoing.data, outgoing.length, false, 0, outgoing.traffic_class};
  if (EndpointOf(to) == nullptr) return PassOn(HandOver::kArrive, arriving);
  Arrive(arriving, now);
}

void Worker::ArriveByTrunk(const Outgoing& arriving, const Now& now) {
  if (EndpointOf(arriving.path->handle) == nullptr) return PassOn(HandOver::kArrive, arriving);
  Arrive(arriving, now);
}

void Worker::Arrive(const Outgoing& arriving, const Now& now) {
  // Without headroom and tailroom, its bytes are only read.
  const Packet packet{const_cast<uint8_t*>(arriving.data),
                      arriving.length,
                      arriving.path,
                      false,
                      false,
                      arriving.traffic_class};
  if (early_.holds_of_peers()) [[unlikely]]
    ServeEarlyData(now, arriving.path->handle);
  Flow* flow;
  const Verdict verdict = allocation_forwarder_.ForwardLonePeer(packet, now, &flow);
  if (verdict == Verdict::kPeerToClient) {
    counters_.Add(verdict);
    return QueueToClient(packet, *flow);
  }
  if (early_.serving()) {
    // Early data that is being served may be queued from memory that this datagram would get.
    CloseBundles();
    FlushSends();
  }
  DropUnlessEarly(EarlyData::From::kPeer, packet, verdict, now);
}

}  // namespace turnpike
