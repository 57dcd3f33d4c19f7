#include "wire/trunk_datagram.h"

namespace turnpike {

bool RecordsFill(const uint8_t* datagram, size_t length) {
  if (length < sizeof(TrunkHeader) + sizeof(RecordHeader)) return false;
  size_t offset = sizeof(TrunkHeader);
  while (offset < length) {
    if (length - offset < sizeof(RecordHeader)) return false;
    const RecordHeader* record = reinterpret_cast<const RecordHeader*>(datagram + offset);
    offset += sizeof(RecordHeader);
    const size_t payload_bytes = record->payload_bytes.Get();
    if (length - offset < payload_bytes) return false;
    offset += payload_bytes;
  }
  return true;
}

void AddRecords(uint8_t* datagram, size_t length, SipHash24* tag) {
  RecordCursor records(datagram, length);
  while (const RecordHeader* record = records.Next()) tag->Update(record, sizeof(*record));
}

uint64_t DataTag(const SipKey& key, uint8_t* datagram, size_t length) {
  SipHash24 hash(key);
  hash.Update(datagram, kTaggedHeaderBytes);
  AddRecords(datagram, length, &hash);
  return hash.Finish();
}

bool ProbeFills(const uint8_t* datagram, size_t length) {
  if (length < sizeof(TrunkHeader)) return false;
  const TrunkType type = reinterpret_cast<const TrunkHeader*>(datagram)->type();
  if (type != TrunkType::kPathProbe) return length == sizeof(TrunkHeader) + ProbeBodyBytes(type);
  if (length < kPathProbeBytes) return false;
  const auto* body = reinterpret_cast<const PathProbeBody*>(datagram + sizeof(TrunkHeader));
  return length == body->probe_bytes.Get();
}

uint64_t ProbeTag(const SipKey& key, const uint8_t* datagram) {
  const TrunkType type = reinterpret_cast<const TrunkHeader*>(datagram)->type();
  SipHash24 hash(key);
  hash.Update(datagram, kTaggedHeaderBytes);
  hash.Update(datagram + sizeof(TrunkHeader), ProbeBodyBytes(type));
  return hash.Finish();
}

}  // namespace turnpike
