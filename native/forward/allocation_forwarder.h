// The part of the rewrite that is an allocation's alone (RFC 8656): Send indications of its client,
// and what peers send to its relayed address. Maps a packet, the time and the flows to a verdict
// and to a datagram to send.
#pragma once

#include <cstdint>

#include "base/siphash.h"
#include "base/status.h"
#include "forward/forwarder.h"
#include "wire/turn_indications.h"

namespace turnpike {

// The lookup of the flow of a peer's datagram, so that a batch can be hashed and prefetched before
// it is processed.
struct PeerLookup {
  // Whether the result is that of the preceding lookup.
  bool repeats;
  uint32_t hash;
  FlowKey key;
};

class AllocationForwarder {
 public:
  explicit AllocationForwarder(Tables& tables) : tables_(tables) {}

  // Reads the key of transaction ids. Call before any other method.
  Status Allocate();

  // Returns the verdict for a Send indication and its packet, with the flow of its lookup, or null.
  // Sets `path` and `out`, which refers to `path`, after kClientToPeer only. A peer needs a
  // permission; a channel is one, too.
  Verdict ForwardSend(const Packet& packet, const SendIndication& send, Flow* flow, const Now& now,
                      FiveTuple* path, Outgoing* out);

  // Peer side, step 1: prefetches the index of the flow of a datagram.
  void ClassifyPeer(const Packet& packet, PeerLookup* lookup) const;
  // Peer side, step 2: prefetches the flow.
  void PrefetchFlow(const PeerLookup& lookup) const {
    if (!lookup.repeats) tables_.flows.PrefetchEntry(lookup.hash);
  }
  // Peer side, step 3: returns the flow that forwards a datagram: that of the peer's channel, else
  // that of its permission. Null if neither is there and has not expired.
  Flow* FindPeerFlow(const PeerLookup& lookup, const Now& now);
  // Peer side, step 4: returns the verdict for a datagram and its flow, which may be null.
  Verdict ForwardPeer(const Packet& packet, Flow* flow, const Now& now);
  // Steps 1 to 4 for a datagram that comes alone. Sets `flow`, which may be null.
  Verdict ForwardLonePeer(const Packet& packet, const Now& now, Flow** flow);
  // Peer side, step 5, after kPeerToClient: returns the bytes that the message to the client needs
  // outside of the packet's memory; 0 if it is made in place.
  static uint32_t RoomBytes(const Packet& packet, const Flow& flow);
  // Peer side, step 6: makes that message, in place or in `room`.
  void MakeMessage(const Packet& packet, const Flow& flow, uint8_t* room, Outgoing* out);

 private:
  // Returns the permission for a peer of a relayed endpoint, or null if there is none now.
  Flow* FindPermission(const FiveTuple& peer, const Now& now);
  uint64_t Random();

  Tables& tables_;
  SipKey random_key_;
  uint64_t random_counter_ = 0;
};

}  // namespace turnpike
