#include "trunk_writer.h"

#include "clock.h"

namespace bench {

namespace {

// Returns Unix seconds times 2^32, with the fraction of the second in the low bits.
uint64_t FirstSequence() {
  const uint64_t now = WallNs();
  const uint64_t fraction = now % 1'000'000'000;
  return (now / 1'000'000'000) << 32 | (fraction << 32) / 1'000'000'000;
}

}  // namespace

TrunkWriter::TrunkWriter(const TrunkOptions& options, uint32_t flows)
    : options_(options), next_sequence_(FirstSequence()), session_sequences_(flows) {}

void TrunkWriter::WriteRecord(uint8_t* record, uint32_t flow, uint16_t payload_bytes) {
  auto* header = reinterpret_cast<turnpike::RecordHeader*>(record);
  header->session_index.Set(flow);
  header->payload_bytes.Set(payload_bytes);
}

void TrunkWriter::NumberRecord(uint8_t* record, uint32_t flow) {
  auto* header = reinterpret_cast<turnpike::RecordHeader*>(record);
  header->session_sequence.Set(session_sequences_[flow]++);
}

void TrunkWriter::Seal(uint8_t* datagram, size_t length) {
  auto* header = reinterpret_cast<turnpike::TrunkHeader*>(datagram);
  header->SetType(turnpike::TrunkType::kData);
  header->lane = options_.lane;
  header->key_epoch.Set(options_.epoch);
  header->sequence.Set(next_sequence_++);
  turnpike::SipHash24 hash(options_.key);
  hash.Update(datagram, turnpike::kTaggedHeaderBytes);
  turnpike::RecordCursor records(datagram, length);
  while (const turnpike::RecordHeader* record = records.Next()) {
    hash.Update(record, sizeof(*record));
  }
  turnpike::StoreLe64(header->tag, hash.Finish());
}

}  // namespace bench
