// A forwarder with its tables and everything they point to, as tests and fuzz targets use it.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "forward/forwarder.h"
#include "support.h"

namespace turnpike::test {

// A datagram in memory with the headroom that a worker's slots have, and nothing behind it, so that
// a sanitizer sees any step outside.
class PacketBuffer {
 public:
  PacketBuffer(const uint8_t* data, size_t length, const FiveTuple& tuple)
      : memory_(new uint8_t[kHeadroomBytes + length]), tuple_(new FiveTuple(tuple)) {
    if (length > 0) std::memcpy(memory_.get() + kHeadroomBytes, data, length);
    packet_ = Packet{memory_.get() + kHeadroomBytes, static_cast<uint32_t>(length), tuple_.get()};
  }

  const Packet& packet() const { return packet_; }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  std::unique_ptr<FiveTuple> tuple_;
  Packet packet_;
};

struct ForwarderFixture {
  static constexpr uint32_t kSlots = 8;

  ForwarderFixture(uint8_t lane, uint64_t first_sequence)
      : traffic(new TrunkTraffic[kSlots]{}),
        session_traffic(new LegTraffic[64]{}),
        sealer(lane, first_sequence),
        path_sealer(static_cast<uint8_t>(kProbeLaneFirst + lane % kWorkersMax), first_sequence),
        forwarder(tables, sealer, path_sealer) {
    const SipKey hash_key{1, 2};
    if (!tables.flows.Allocate(64, hash_key).ok() || !tables.sessions.Allocate(64).ok() ||
        !tables.peers.Allocate(kSlots, hash_key, traffic.get()).ok()) {
      std::abort();
    }
    tables.session_traffic = session_traffic.get();
  }

  // Fills the generation and the shared part; the rest of `peer` is the caller's.
  void PutPeer(uint32_t slot, TrunkPeer peer) {
    peer.generation = slot + 1;
    peer.shared = std::make_shared<TrunkPeerShared>();
    tables.peers.Put(slot, std::make_unique<TrunkPeer>(std::move(peer)));
  }

  void PutFlowToTrunk(const FlowKey& key, uint32_t slot, uint32_t session_index) {
    FlowAction& action = tables.flows.FindOrInsert(key)->action;
    action.kind = FlowAction::Kind::kTrunk;
    action.slot = slot;
    action.generation = slot + 1;
    action.session_index = session_index;
  }

  void PutFlowToClient(const FlowKey& key, const FiveTuple& to, uint16_t channel) {
    FlowAction& action = tables.flows.FindOrInsert(key)->action;
    action.kind = FlowAction::Kind::kClient;
    action.tuple = to;
    action.channel = channel;
  }

  void PutSession(uint32_t index, uint32_t slot, const FiveTuple& to, uint16_t channel) {
    tables.sessions.At(index).action = SessionAction{index, slot, slot + 1, to, channel};
  }

  // All of the client side; a record leaves alone.
  Verdict ForwardClient(const Packet& packet, const Now& now, Outgoing* out) {
    ClientLookup lookup;
    forwarder.ClassifyClient(packet, &lookup);
    if (!lookup.needed) return lookup.verdict;
    forwarder.PrefetchFlow(lookup);
    ClientResult result;
    const Verdict verdict =
        forwarder.ForwardClient(packet, forwarder.FindFlow(lookup), now, &result);
    if (verdict == Verdict::kClientToTrunk) forwarder.SealAlone(result.record, nullptr, out);
    if (verdict == Verdict::kClientToClient) *out = result.outgoing;
    return verdict;
  }

  std::unique_ptr<TrunkTraffic[]> traffic;
  std::unique_ptr<LegTraffic[]> session_traffic;
  Tables tables;
  TrunkSealer sealer;
  TrunkSealer path_sealer;
  Forwarder forwarder;
};

}  // namespace turnpike::test
