#include "io/punt_ring.h"

#include <cstring>

namespace turnpike {

namespace {

PuntKind KindOf(Side side, bool known) {
  if (side == Side::kClient) {
    return known ? PuntKind::kClientDatagram : PuntKind::kStrangerClientDatagram;
  }
  return known ? PuntKind::kTrunkDatagram : PuntKind::kStrangerTrunkDatagram;
}

}  // namespace

Status PuntRing::Allocate(uint32_t bytes) {
  if (Status status = known_.Allocate(bytes); !status.ok()) return status;
  return strangers_.Allocate(bytes);
}

PuntResult PuntRing::PushDatagram(Side side, uint8_t worker, const Packet& packet, bool known) {
  if (packet.length > kPuntBytesMax) return PuntResult::kOversize;
  ByteRing& ring = known ? known_ : strangers_;
  const uint32_t length = static_cast<uint32_t>(sizeof(PuntedDatagram)) + packet.length;
  uint8_t* record = ring.Reserve(length);
  if (record == nullptr) return PuntResult::kFull;
  const PuntedDatagram head{KindOf(side, known),
                            worker,
                            packet.tuple->socket,
                            packet.tuple->remote.port,
                            static_cast<uint16_t>(packet.length),
                            packet.tuple->remote.ip,
                            packet.tuple->local};
  std::memcpy(record, &head, sizeof(head));
  std::memcpy(record + sizeof(head), packet.data, packet.length);
  ring.Commit();
  return PuntResult::kQueued;
}

bool PuntRing::PushEvent(const PuntedEvent& event) {
  uint8_t* record = known_.Reserve(sizeof(event));
  if (record == nullptr) return false;
  std::memcpy(record, &event, sizeof(event));
  known_.Commit();
  return true;
}

uint32_t PuntRing::Drain(bool known, uint8_t* buffer, uint32_t buffer_bytes,
                         uint32_t* records_max) {
  ByteRing& ring = known ? known_ : strangers_;
  uint32_t used = 0;
  while (*records_max > 0) {
    const ByteRing::Record record = ring.Peek();
    if (record.data == nullptr || record.length > buffer_bytes - used) break;
    std::memcpy(buffer + used, record.data, record.length);
    used += (record.length + 7) & ~7u;
    --*records_max;
    ring.Skip();
  }
  ring.Pop();
  return used;
}

}  // namespace turnpike
