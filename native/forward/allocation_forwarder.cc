#include "forward/allocation_forwarder.h"

#include <errno.h>
#include <sys/random.h>

#include <cstring>

#include "wire/channel_data.h"

namespace turnpike {

namespace {

bool IsLive(const Flow* flow, const Now& now) {
  return flow != nullptr && !flow->expiry.IsOver(now.monotonic_second);
}

bool HasChannel(const Flow& flow) {
  return flow.action.channel != static_cast<uint16_t>(FlowChannel::kNone);
}

// Returns the bytes of a message to a client before the payload.
uint32_t HeadBytes(const Packet& packet, const Flow& flow) {
  return HasChannel(flow) ? static_cast<uint32_t>(sizeof(ChannelDataHeader))
                          : DataIndicationHeadBytes(packet.tuple->remote.ip.IsIpv4());
}

// Returns the bytes of it behind the payload.
uint32_t TailBytes(const Packet& packet, const Flow& flow) {
  return HasChannel(flow) ? 0 : AttributePaddingBytes(packet.length);
}

}  // namespace

static_assert(DataIndicationHeadBytes(false) <= kHeadroomBytes);

Status AllocationForwarder::Allocate() {
  if (getrandom(&random_key_, sizeof(random_key_), 0) == sizeof(random_key_)) return {};
  return Status::System("cannot read random bytes", errno);
}

Verdict AllocationForwarder::ForwardSend(const Packet& packet, const SendIndication& send,
                                         Flow* flow, const Now& now, FiveTuple* path,
                                         Outgoing* out) {
  if (!IsLive(flow, now)) return Verdict::kSendNoAllocation;
  const FiveTuple peer{send.peer, IpAddress{}, flow->action.tuple.handle};
  if (send.peer.port == 0) return Verdict::kSendNoPermission;
  const Flow* permission = FindPermission(peer, now);
  if (permission == nullptr) permission = tables_.flows.Find(PeerKey(peer));
  if (!IsLive(permission, now)) return Verdict::kSendNoPermission;
  if (!tables_.TakeBandwidth(*flow, send.payload_bytes, now)) return Verdict::kOverBandwidth;
  flow->traffic.Add(send.payload_bytes, now.monotonic_second);
  *path = peer;
  *out = Outgoing{path, send.payload, send.payload_bytes};
  out->relayed_number = permission->action.relayed_number;
  out->traffic_class = packet.traffic_class;
  // DONT-FRAGMENT is ignored where either side has IPv6 (RFC 8656 section 13).
  out->unfragmented =
      send.dont_fragment && send.peer.ip.IsIpv4() && packet.tuple->remote.ip.IsIpv4();
  out->headroom = send.head_bytes >= kSingleRecordHeadBytes;
  return Verdict::kClientToPeer;
}

Flow* AllocationForwarder::FindPermission(const FiveTuple& peer, const Now& now) {
  Flow* const permission = tables_.flows.Find(PermissionKey(peer.remote.ip, peer.handle));
  if (!IsLive(permission, now)) return nullptr;
  const FlowAction& action = permission->action;
  const uint16_t port = peer.remote.port;
  return port >= action.port_min && port <= action.port_max ? permission : nullptr;
}

void AllocationForwarder::ClassifyPeer(const Packet& packet, PeerLookup* lookup) const {
  lookup->repeats = false;
  lookup->key = PeerKey(*packet.tuple);
  lookup->hash = tables_.flows.Hash(lookup->key);
  tables_.flows.Prefetch(lookup->hash);
}

Flow* AllocationForwarder::FindPeerFlow(const PeerLookup& lookup, const Now& now) {
  const FiveTuple& tuple = lookup.key.tuple;
  // Port 0 would match the permission itself.
  if (tuple.remote.port == 0) return nullptr;
  Flow* const with_channel = tables_.flows.Find(lookup.key, lookup.hash);
  if (IsLive(with_channel, now)) return with_channel;
  return FindPermission(tuple, now);
}

Verdict AllocationForwarder::ForwardPeer(const Packet& packet, Flow* flow, const Now& now) {
  if (flow == nullptr) {
    return packet.tuple->remote.port == 0 ? Verdict::kSourcePortZero : Verdict::kPeerNoPermission;
  }
  if (packet.length > kDataIndicationPayloadBytesMax) return Verdict::kPeerTooLong;
  if (!tables_.TakeBandwidth(*flow, packet.length, now)) return Verdict::kOverBandwidth;
  flow->traffic.Add(packet.length, now.monotonic_second);
  return Verdict::kPeerToClient;
}

Verdict AllocationForwarder::ForwardLonePeer(const Packet& packet, const Now& now, Flow** flow) {
  PeerLookup lookup;
  ClassifyPeer(packet, &lookup);
  *flow = FindPeerFlow(lookup, now);
  return ForwardPeer(packet, *flow, now);
}

uint32_t AllocationForwarder::RoomBytes(const Packet& packet, const Flow& flow) {
  const uint32_t tail_bytes = TailBytes(packet, flow);
  if (packet.headroom && (tail_bytes == 0 || packet.tailroom)) return 0;
  return HeadBytes(packet, flow) + packet.length + tail_bytes;
}

void AllocationForwarder::MakeMessage(const Packet& packet, const Flow& flow, uint8_t* room,
                                      Outgoing* out) {
  const uint32_t head_bytes = HeadBytes(packet, flow);
  uint8_t* payload = packet.data;
  if (room != nullptr) {
    payload = room + head_bytes;
    std::memcpy(payload, packet.data, packet.length);
  }
  const auto payload_bytes = static_cast<uint16_t>(packet.length);
  uint8_t* start;
  if (HasChannel(flow)) {
    start = PrependChannelData(payload, flow.action.channel, payload_bytes);
  } else {
    const uint64_t random[2] = {Random(), Random()};
    start = WrapInDataIndication(payload, payload_bytes, packet.tuple->remote, random);
  }
  *out = Outgoing{&flow.action.tuple, start, head_bytes + packet.length + TailBytes(packet, flow)};
  out->traffic_class = packet.traffic_class;
}

uint64_t AllocationForwarder::Random() {
  SipHash13 hash(random_key_);
  hash.UpdateWord(++random_counter_, 8);
  return hash.Finish();
}

}  // namespace turnpike
