// Datagrams and events that a worker punts to TypeScript. A worker has three queues: for relays,
// for known clients and for strangers. Anybody can send STUN, so a flood from strangers must not
// delay the trunk or peers that have a leg. In each queue every sender is limited to a share. The
// worker pushes, the controlling thread drains.

#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "forward/forwarder.h"
#include "io/byte_ring.h"
#include "io/fair_share.h"
#include "table/interface_structs.h"

namespace turnpike {

// The class of a datagram's sender, in the order in which queues are drained.
enum class PuntClass : uint8_t { kRelays = 0, kKnown = 1, kStrangers = 2 };
// Classes of PuntClass.
inline constexpr size_t kPuntClasses = 3;

enum class PuntResult : uint8_t { kQueued, kFull, kOverShare, kOversize };

class PuntQueue {
 public:
  // Allocates the three queues, each of `bytes` bytes.
  Status Allocate(uint32_t bytes, const SipKey& hash_key);

  // Worker: adds a datagram. If the queue is full or the sender holds its share, the new datagram
  // is dropped, because those that wait longest are served first.
  PuntResult PushDatagram(Side side, uint8_t worker, const Packet& packet, PuntClass punt_class);
  // Worker: adds an event, which counts for its relay. Returns whether it was dropped, and why.
  PuntResult PushEvent(const PuntedEvent& event);

  // Whether datagrams received by a socket are delivered.
  enum class Delivery : uint8_t { kNow, kLater, kNever };

  // Controlling thread: copies whole records of one queue to `buffer`, each padded to 8 bytes,
  // until the next one does not fit or `records_max` are copied. `buffer_bytes` is a multiple of 8.
  // Returns the number of bytes written and subtracts the records from `records_max`. `delivery_of`
  // is called with each datagram's handle: kLater ends the pass; kNever skips the datagram and
  // counts it in `skipped`.
  uint32_t Drain(PuntClass punt_class, uint8_t* buffer, uint32_t buffer_bytes,
                 uint32_t* records_max, const std::function<Delivery(TransportHandle)>& delivery_of,
                 uint32_t* skipped);

 private:
  struct Queue {
    ByteRing ring;
    FairShare shares;
  };

  // Returns room for a record that counts for `sender`, with its ticket before it; null if there is
  // none.
  static uint8_t* Reserve(Queue& queue, const FairShare::Sender& sender, uint32_t length,
                          PuntResult* result);

  Queue& QueueOf(PuntClass punt_class) { return queues_[static_cast<size_t>(punt_class)]; }

  std::array<Queue, kPuntClasses> queues_;
};

}  // namespace turnpike
