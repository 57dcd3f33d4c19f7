// A forwarder with its tables, for tests and fuzz targets.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "forward/allocation_forwarder.h"
#include "forward/forwarder.h"
#include "support.h"

namespace turnpike::test {

// A datagram in memory with a worker's headroom and no bytes behind it, so that a sanitizer detects
// accesses out of bounds.
class PacketBuffer {
 public:
  PacketBuffer(const uint8_t* data, size_t length, const FiveTuple& tuple,
               uint8_t traffic_class = 0)
      : memory_(new uint8_t[kHeadroomBytes + length]), tuple_(new FiveTuple(tuple)) {
    if (length > 0) std::memcpy(memory_.get() + kHeadroomBytes, data, length);
    packet_ = Packet{memory_.get() + kHeadroomBytes, static_cast<uint32_t>(length), tuple_.get()};
    packet_.tailroom = false;
    packet_.traffic_class = traffic_class;
  }

  const Packet& packet() const { return packet_; }
  // The same datagram as one in the middle of a message.
  const Packet& WithoutHeadroom() {
    packet_.headroom = false;
    return packet_;
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  std::unique_ptr<FiveTuple> tuple_;
  Packet packet_;
};

// Returns a relay at one address, whose keys of day 325 are all `key`.
inline RemoteRelay MakeRemoteRelay(const std::string& address, const SipKey& key = {3, 4}) {
  RemoteRelay relay;
  relay.path = ToTuple(0, address, Side::kTrunk);
  relay.sources = {ToTransportAddress(address)};
  relay.send_keys.Add(325, key);
  relay.receive_keys.Add(325, key);
  return relay;
}

struct ForwarderFixture {
  static constexpr uint32_t kRelays = 8;
  static constexpr uint32_t kBuckets = 4;

  ForwarderFixture(uint8_t lane, uint64_t initial_sequence)
      : traffic(new TrunkTraffic[kRelays]{}),
        session_traffic(new LegTraffic[64]{}),
        authenticator(lane, initial_sequence),
        path_probe_authenticator(static_cast<uint8_t>(kProbeLaneFirst + lane % kWorkersMax),
                                 initial_sequence),
        forwarder(tables, authenticator, path_probe_authenticator),
        allocation_forwarder(tables) {
    const SipKey hash_key{1, 2};
    if (!tables.flows.Allocate(64, hash_key).ok() || !tables.sessions.Allocate(64).ok() ||
        !tables.relays.Allocate(kRelays, hash_key, traffic.get()).ok() ||
        !buckets.Allocate(kBuckets).ok() || !allocation_forwarder.Allocate().ok()) {
      std::abort();
    }
    tables.session_traffic = session_traffic.get();
    tables.buckets = &buckets;
  }

  // Puts a relay. Sets `generation` and `shared`; the caller sets the rest of `relay`.
  void PutRemoteRelay(uint32_t relay_index, RemoteRelay relay) {
    relay.generation = relay_index + 1;
    relay.shared = std::make_shared<RemoteRelayShared>();
    tables.relays.Put(relay_index, std::make_unique<RemoteRelay>(std::move(relay)));
  }

  void PutFlowToTrunk(const FlowKey& key, uint32_t relay_index, uint32_t session_index) {
    FlowAction& action = tables.flows.FindOrInsert(key)->action;
    action.kind = FlowAction::Kind::kTrunk;
    action.relay_index = relay_index;
    action.generation = relay_index + 1;
    action.session_index = session_index;
  }

  void PutFlowToClient(const FlowKey& key, const FiveTuple& to, uint16_t channel) {
    FlowAction& action = tables.flows.FindOrInsert(key)->action;
    action.kind = FlowAction::Kind::kClient;
    action.tuple = to;
    action.channel = channel;
  }

  // Puts a client's allocation at a relayed endpoint, which stands for both families'.
  void PutAllocation(const FiveTuple& client, TransportHandle relayed) {
    for (const bool ipv4 : {true, false}) {
      FlowAction& action = tables.flows.FindOrInsert(SendKey(client, ipv4))->action;
      action.kind = FlowAction::Kind::kAllocation;
      action.tuple.handle = relayed;
    }
  }

  // Puts a peer's way to a client, on a channel or as Data indications.
  void PutPeerFlow(const FlowKey& key, const FiveTuple& client, uint16_t channel = 0) {
    PutFlowToClient(key, client, channel);
  }

  void PutSession(uint32_t index, uint32_t relay_index, const FiveTuple& to, uint16_t channel) {
    tables.sessions.At(index).action =
        SessionAction{index, relay_index, relay_index + 1, to, channel};
    tables.sessions.At(index).expiry = Expiry{};
  }

  // Runs the whole client side. A record is sent alone.
  Verdict ForwardClient(const Packet& packet, const Now& now, Outgoing* out) {
    ClientLookup lookup;
    forwarder.ClassifyClient(packet, &lookup);
    if (!lookup.needed) return lookup.verdict;
    forwarder.PrefetchFlow(lookup);
    Flow* const flow = forwarder.FindFlow(lookup);
    if (lookup.is_send) {
      return allocation_forwarder.ForwardSend(packet, lookup.send, flow, now, &path, out);
    }
    ClientResult result;
    const Verdict verdict = forwarder.ForwardClient(packet, flow, now, &result);
    if (verdict == Verdict::kClientToTrunk)
      forwarder.MakeSingleRecordDatagram(result.record, nullptr, out);
    if (verdict == Verdict::kClientToClient || verdict == Verdict::kClientToPeer) {
      *out = result.outgoing;
    }
    return verdict;
  }

  // Runs the whole side of peers. The message is made in place, or in `room`.
  Verdict ForwardPeer(const Packet& packet, const Now& now, Outgoing* out) {
    PeerLookup lookup;
    allocation_forwarder.ClassifyPeer(packet, &lookup);
    allocation_forwarder.PrefetchFlow(lookup);
    Flow* const flow = allocation_forwarder.FindPeerFlow(lookup, now);
    const Verdict verdict = allocation_forwarder.ForwardPeer(packet, flow, now);
    if (verdict != Verdict::kPeerToClient) return verdict;
    const uint32_t room_bytes = AllocationForwarder::RoomBytes(packet, *flow);
    room.reset(room_bytes == 0 ? nullptr : new uint8_t[room_bytes]);
    allocation_forwarder.MakeMessage(packet, *flow, room.get(), out);
    return verdict;
  }

  std::unique_ptr<TrunkTraffic[]> traffic;
  std::unique_ptr<LegTraffic[]> session_traffic;
  BandwidthBuckets buckets;
  Tables tables;
  TrunkAuthenticator authenticator;
  TrunkAuthenticator path_probe_authenticator;
  Forwarder forwarder;
  AllocationForwarder allocation_forwarder;
  // Of the last Send indication.
  FiveTuple path;
  std::unique_ptr<uint8_t[]> room;
};

}  // namespace turnpike::test
