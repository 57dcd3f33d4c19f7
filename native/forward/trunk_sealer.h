// Writes the headers of one lane's trunk datagrams: sequence and tag (PROTOCOL.md section 4). A
// datagram gets its sequence when it is complete, so that sequences rise in the order of sending.
#pragma once

#include <cstdint>

#include "forward/outgoing.h"
#include "table/trunk_peers.h"
#include "wire/trunk_datagram.h"

namespace turnpike {

// All of a datagram of one record but its payload.
inline constexpr uint32_t kSingleHeadBytes = sizeof(TrunkHeader) + sizeof(RecordHeader);

class TrunkSealer {
 public:
  // `first_sequence` is where the lane's counter starts.
  TrunkSealer(uint8_t lane, uint64_t first_sequence)
      : lane_(lane), next_sequence_(first_sequence) {}

  // Seals a datagram of `length` bytes whose records are written.
  void SealRecords(const TrunkKey& key, uint8_t* datagram, size_t length) {
    TrunkHeader* header = Begin(key, TrunkType::kData, datagram);
    StoreLe64(header->tag, DataTag(key.key, datagram, length));
  }
  // Seals the kSingleHeadBytes at `head`, whose record header is written.
  void SealSingle(const TrunkKey& key, uint8_t* head) {
    TrunkHeader* header = Begin(key, TrunkType::kData, head);
    StoreLe64(header->tag, SingleTag(key.key, head));
  }
  // Seals a probe or its reply, whose body is written.
  void SealProbe(const TrunkKey& key, TrunkType type, uint8_t* datagram) {
    TrunkHeader* header = Begin(key, type, datagram);
    StoreLe64(header->tag, ProbeTag(key.key, datagram));
  }

 private:
  TrunkHeader* Begin(const TrunkKey& key, TrunkType type, uint8_t* datagram) {
    auto* header = reinterpret_cast<TrunkHeader*>(datagram);
    header->SetType(type);
    header->lane = lane_;
    header->key_epoch.Set(key.epoch);
    header->sequence.Set(next_sequence_++);
    return header;
  }

  const uint8_t lane_;
  uint64_t next_sequence_;
};

}  // namespace turnpike
