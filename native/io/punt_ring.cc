#include "io/punt_ring.h"

#include <cstring>

namespace turnpike {

PuntResult PuntRing::PushDatagram(Side side, uint8_t worker, const Packet& packet,
                                  bool known_relay) {
  if (packet.length > kPuntBytesMax) return PuntResult::kOversize;
  const bool client = side == Side::kClient;
  const uint64_t fill_limit = known_relay ? ring_.capacity() : ring_.capacity() / 4 * 3;
  const uint32_t length = static_cast<uint32_t>(sizeof(PuntedDatagram)) + packet.length;
  uint8_t* record = ring_.Reserve(length, fill_limit);
  if (record == nullptr) return PuntResult::kFull;
  const PuntedDatagram head{client ? PuntKind::kClientDatagram : PuntKind::kTrunkDatagram,
                            worker,
                            packet.tuple->socket,
                            packet.tuple->remote.port,
                            static_cast<uint16_t>(packet.length),
                            packet.tuple->remote.ip,
                            packet.tuple->local};
  std::memcpy(record, &head, sizeof(head));
  std::memcpy(record + sizeof(head), packet.data, packet.length);
  ring_.Commit();
  return PuntResult::kQueued;
}

bool PuntRing::PushEvent(const PuntedEvent& event) {
  uint8_t* record = ring_.Reserve(sizeof(event));
  if (record == nullptr) return false;
  std::memcpy(record, &event, sizeof(event));
  ring_.Commit();
  return true;
}

uint32_t PuntRing::Drain(uint8_t* buffer, uint32_t buffer_bytes, uint32_t* records_max) {
  uint32_t used = 0;
  while (*records_max > 0) {
    const ByteRing::Record record = ring_.Peek();
    if (record.data == nullptr || record.length > buffer_bytes - used) break;
    std::memcpy(buffer + used, record.data, record.length);
    used += (record.length + 7) & ~7u;
    --*records_max;
    ring_.Skip();
  }
  ring_.Pop();
  return used;
}

}  // namespace turnpike
