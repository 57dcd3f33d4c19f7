// What a worker hands up to TypeScript: datagrams that it answers, and events. Three queues for
// each worker, for relays, for proven peers and for strangers: anybody can send STUN, and that must
// neither silence the trunk nor make a peer that has a leg wait. Within each of them nobody holds
// more than a share. The worker pushes, the controlling thread drains.

#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "forward/forwarder.h"
#include "io/byte_ring.h"
#include "io/fair_share.h"
#include "table/interface_structs.h"

namespace turnpike {

// Whose datagrams wait together, in the order in which they are drained.
enum class PuntClass : uint8_t { kRelays = 0, kProven = 1, kStrangers = 2 };
// Classes of PuntClass.
inline constexpr size_t kPuntClasses = 3;

enum class PuntResult : uint8_t { kQueued, kFull, kOverShare, kOversize };

class PuntQueue {
 public:
  // Each of the three holds so much.
  Status Allocate(uint32_t bytes, const SipKey& hash_key);

  // Worker. When its queue is full, or its sender holds its share, the newest is dropped: what
  // waits longest is answered first.
  PuntResult PushDatagram(Side side, uint8_t worker, const Packet& packet, PuntClass punt_class);
  // Worker. Counts for its relay. Whether it was dropped, and why.
  PuntResult PushEvent(const PuntedEvent& event);

  // Whether what came by a socket is handed up.
  enum class Delivery : uint8_t { kNow, kLater, kNever };

  // Controlling thread. Copies whole records of one queue to `buffer`, each padded to 8 bytes,
  // until the next one does not fit or `records_max` are copied; `buffer_bytes` is a multiple of 8.
  // Returns the bytes written and takes the records off `records_max`. Asks `delivery_of` of each
  // datagram's handle: those to be delivered later end the pass, those never are skipped, and
  // counted in `skipped`.
  uint32_t Drain(PuntClass punt_class, uint8_t* buffer, uint32_t buffer_bytes,
                 uint32_t* records_max, const std::function<Delivery(TransportHandle)>& delivery_of,
                 uint32_t* skipped);

 private:
  struct Queue {
    ByteRing ring;
    FairShare shares;
  };

  // Room for a record that counts for `sender`, its ticket before it; null where there is none.
  static uint8_t* Reserve(Queue& queue, const FairShare::Sender& sender, uint32_t length,
                          PuntResult* result);

  Queue& QueueOf(PuntClass punt_class) { return queues_[static_cast<size_t>(punt_class)]; }

  std::array<Queue, kPuntClasses> queues_;
};

}  // namespace turnpike
