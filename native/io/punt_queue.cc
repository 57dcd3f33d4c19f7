#include "io/punt_queue.h"

#include <cstring>

namespace turnpike {

namespace {

// Size of the ticket before each record; keeps the record aligned.
constexpr uint32_t kTicketBytes = 16;
static_assert(sizeof(FairShare::Ticket) <= kTicketBytes && kTicketBytes % 8 == 0);

PuntKind KindOf(Side side, bool known) {
  if (side == Side::kClient) {
    return known ? PuntKind::kClientDatagram : PuntKind::kStrangerClientDatagram;
  }
  return known ? PuntKind::kTrunkDatagram : PuntKind::kStrangerTrunkDatagram;
}

// Returns the handle that a record's datagram was received by; null for an event.
const uint64_t* HandleIn(const uint8_t* record) {
  const auto* const datagram = reinterpret_cast<const PuntedDatagram*>(record);
  switch (datagram->kind) {
    case PuntKind::kClientDatagram:
    case PuntKind::kTrunkDatagram:
    case PuntKind::kStrangerClientDatagram:
    case PuntKind::kStrangerTrunkDatagram:
      return &datagram->handle;
    default:
      return nullptr;
  }
}

}  // namespace

Status PuntQueue::Allocate(uint32_t bytes, const SipKey& hash_key) {
  for (Queue& queue : queues_) {
    if (Status status = queue.ring.Allocate(bytes); !status.ok()) return status;
    if (Status status = queue.shares.Allocate(hash_key); !status.ok()) return status;
  }
  return {};
}

uint8_t* PuntQueue::Reserve(Queue& queue, const FairShare::Sender& sender, uint32_t length,
                            PuntResult* result) {
  const uint32_t bytes = kTicketBytes + length;
  if (!queue.shares.Admits(sender, bytes, queue.ring.Free())) {
    *result = PuntResult::kOverShare;
    return nullptr;
  }
  uint8_t* record = queue.ring.Reserve(bytes);
  if (record == nullptr) {
    *result = PuntResult::kFull;
    return nullptr;
  }
  const FairShare::Ticket ticket = queue.shares.Take(sender, bytes);
  std::memcpy(record, &ticket, sizeof(ticket));
  *result = PuntResult::kQueued;
  return record + kTicketBytes;
}

PuntResult PuntQueue::PushDatagram(Side side, uint8_t worker, const Packet& packet,
                                   PuntClass punt_class) {
  if (packet.length > kPuntBytesMax) return PuntResult::kOversize;
  Queue& queue = QueueOf(punt_class);
  const uint32_t length = static_cast<uint32_t>(sizeof(PuntedDatagram)) + packet.length;
  PuntResult result;
  uint8_t* record = Reserve(queue, queue.shares.SenderOf(*packet.tuple), length, &result);
  if (record == nullptr) return result;
  const PuntedDatagram head{KindOf(side, punt_class != PuntClass::kStrangers),
                            worker,
                            packet.tuple->remote.port,
                            static_cast<uint16_t>(packet.length),
                            0,
                            packet.tuple->handle.ToNumber(),
                            packet.tuple->remote.ip,
                            packet.tuple->local};
  std::memcpy(record, &head, sizeof(head));
  std::memcpy(record + sizeof(head), packet.data, packet.length);
  queue.ring.Commit();
  return result;
}

PuntResult PuntQueue::PushEvent(const PuntedEvent& event) {
  Queue& queue = QueueOf(PuntClass::kRelays);
  PuntResult result;
  uint8_t* record =
      Reserve(queue, queue.shares.SenderOf(event.relay_index), sizeof(event), &result);
  if (record == nullptr) return result;
  std::memcpy(record, &event, sizeof(event));
  queue.ring.Commit();
  return result;
}

uint32_t PuntQueue::Drain(PuntClass punt_class, uint8_t* buffer, uint32_t buffer_bytes,
                          uint32_t* records_max,
                          const std::function<Delivery(TransportHandle)>& delivery_of,
                          uint32_t* skipped) {
  Queue& queue = QueueOf(punt_class);
  uint32_t used = 0;
  while (*records_max > 0) {
    const ByteRing::Record record = queue.ring.Peek();
    if (record.data == nullptr) break;
    const uint32_t length = record.length - kTicketBytes;
    if (length > buffer_bytes - used) break;
    Delivery delivery = Delivery::kNow;
    if (const uint64_t* const handle = HandleIn(record.data + kTicketBytes)) {
      delivery = delivery_of(TransportHandle::FromNumber(*handle));
    }
    if (delivery == Delivery::kLater) break;
    FairShare::Ticket ticket;
    std::memcpy(&ticket, record.data, sizeof(ticket));
    queue.shares.GiveBack(ticket);
    if (delivery == Delivery::kNever) {
      ++*skipped;
      queue.ring.Skip();
      continue;
    }
    std::memcpy(buffer + used, record.data + kTicketBytes, length);
    used += (length + 7) & ~7u;
    --*records_max;
    queue.ring.Skip();
  }
  queue.ring.Pop();
  return used;
}

}  // namespace turnpike
