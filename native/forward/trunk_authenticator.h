// Writes the headers of trunk datagrams of one lane: sequence and tag (PROTOCOL.md section 4). A
// datagram gets its sequence when it is complete, so that sequences rise in the order of sending.
#pragma once

#include <cstdint>
#include <cstring>

#include "forward/outgoing.h"
#include "table/remote_relays.h"
#include "wire/trunk_datagram.h"

namespace turnpike {

// Length of a datagram of one record without its payload.
inline constexpr uint32_t kSingleRecordHeadBytes = sizeof(TrunkHeader) + sizeof(RecordHeader);

class TrunkAuthenticator {
 public:
  // `initial_sequence` is the lane's first sequence. Data may also use the lanes `offset` above
  // this one; they share its counter, so sequences rise in each.
  TrunkAuthenticator(uint8_t lane, uint64_t initial_sequence)
      : lane_(lane), next_sequence_(initial_sequence) {}

  // Writes the header and tag of a datagram of `length` bytes whose records are written.
  void AuthenticateRecords(const TrunkKey& key, uint8_t offset, uint8_t* datagram, size_t length) {
    SipHash24 tag = Begin(key, TrunkType::kData, offset, datagram);
    AddRecords(datagram, length, &tag);
    End(tag, datagram);
  }
  // Writes all kSingleRecordHeadBytes at `head`: header, record header and tag.
  void AuthenticateSingleRecord(const TrunkKey& key, uint8_t offset, const RecordHeader& record,
                                uint8_t* head) {
    SipHash24 tag = Begin(key, TrunkType::kData, offset, head);
    std::memcpy(head + sizeof(TrunkHeader), &record, sizeof(record));
    tag.Update(&record, sizeof(record));
    End(tag, head);
  }
  // Writes the header and tag of a probe or reply whose body is written.
  void AuthenticateProbe(const TrunkKey& key, TrunkType type, uint8_t* datagram) {
    SipHash24 tag = Begin(key, type, 0, datagram);
    tag.Update(datagram + sizeof(TrunkHeader), ProbeBodyBytes(type));
    End(tag, datagram);
  }

 private:
  // Writes a header without its tag and starts the tag. The tag is computed from registers: an
  // 8-byte load of the header just written would stall until the smaller stores reach the cache.
  SipHash24 Begin(const TrunkKey& key, TrunkType type, uint8_t offset, uint8_t* datagram) {
    auto* header = reinterpret_cast<TrunkHeader*>(datagram);
    const uint64_t sequence = next_sequence_++;
    const uint8_t lane = static_cast<uint8_t>(lane_ + offset);
    header->SetType(type);
    header->lane = lane;
    header->key_epoch.Set(key.epoch);
    header->sequence.Set(sequence);
    SipHash24 tag(key.key);
    tag.UpdateWord(header->version_and_type, 1);
    tag.UpdateWord(lane, 1);
    tag.UpdateWord(SwapBytes16(key.epoch), 2);
    tag.UpdateWord(SwapBytes64(sequence), 8);
    return tag;
  }
  void End(SipHash24& tag, uint8_t* datagram) {
    StoreLe64(reinterpret_cast<TrunkHeader*>(datagram)->tag, tag.Finish());
  }

  const uint8_t lane_;
  uint64_t next_sequence_;
};

}  // namespace turnpike
