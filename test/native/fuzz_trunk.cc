// libFuzzer: any bytes to the trunk side of a forwarder. Half of the inputs get the right tag and a
// fresh sequence, because a fuzzer cannot guess these and would not reach the records otherwise.
#include "forwarder_fixture.h"

using turnpike::Now;
using turnpike::OpenedTrunk;
using turnpike::Outgoing;
using turnpike::RecordHeader;
using turnpike::RemoteRelay;
using turnpike::SipKey;
using turnpike::TrunkHeader;
using turnpike::Verdict;

namespace {

constexpr SipKey kKey{1, 2};
constexpr uint32_t kSessions = 32;
// Sessions from this index on deliver to a relayed endpoint.
constexpr uint32_t kToRelayed = 8;
// Sessions from this index on have expired.
constexpr uint32_t kExpired = 16;

turnpike::test::ForwarderFixture* MakeFixture() {
  auto* fixture = new turnpike::test::ForwarderFixture(1, 1);
  RemoteRelay relay;
  relay.path = turnpike::test::ToTuple(0, "192.0.2.1:3480", turnpike::Side::kTrunk);
  relay.sources = {turnpike::test::ToTransportAddress("192.0.2.1:3480")};
  relay.send_keys.Add(325, kKey);
  relay.receive_keys.Add(325, kKey);
  relay.paths = {turnpike::TrunkPath{0, relay.path.remote, turnpike::Heard::kAnswered}};
  fixture->PutRemoteRelay(1, std::move(relay));
  for (uint32_t index = 0; index < kSessions; ++index) {
    const uint16_t channel = index < kToRelayed || index >= kExpired ? 0x4000 : 0;
    fixture->PutSession(index, 1, turnpike::test::ToTuple(0, "203.0.113.7:4000"), channel);
    if (index < kExpired) continue;
    fixture->tables.sessions.At(index).expiry = turnpike::Expiry::After(1, 0);
  }
  return fixture;
}

void MakeAuthentic(uint8_t* data, size_t size) {
  static uint64_t sequence = 1;
  if (size < sizeof(TrunkHeader)) return;
  auto* header = reinterpret_cast<TrunkHeader*>(data);
  header->key_epoch.Set(325);
  header->sequence.Set(sequence++);
  if (turnpike::IsProbe(header->type()) && turnpike::ProbeFills(data, size)) {
    turnpike::StoreLe64(header->tag, turnpike::ProbeTag(kKey, data));
  } else if (turnpike::RecordsFill(data, size)) {
    turnpike::StoreLe64(header->tag, turnpike::DataTag(kKey, data, size));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static turnpike::test::ForwarderFixture* const fixture = MakeFixture();
  if (size == 0) return 0;
  const turnpike::test::PacketBuffer buffer(
      data + 1, size - 1, turnpike::test::ToTuple(0, "192.0.2.1:3480", turnpike::Side::kTrunk));
  if (data[0] % 2 == 0) MakeAuthentic(buffer.packet().data, size - 1);
  OpenedTrunk opened;
  Outgoing out{};
  const Now now{uint64_t{1} << 60, 325};
  const Verdict verdict = fixture->forwarder.OpenTrunk(buffer.packet(), now, &opened, &out);
  // A reply is not longer than its probe.
  if (verdict == Verdict::kTrunkProbe && out.length > size - 1) __builtin_trap();
  if (verdict != Verdict::kTrunkData) return 0;
  while (RecordHeader* record = opened.records.Next()) {
    const uint32_t index = record->session_index.Get();
    const Verdict of_record = fixture->forwarder.ForwardRecord(opened, record, now, &out);
    const Verdict expected = index < kToRelayed  ? Verdict::kTrunkToClient
                             : index < kExpired  ? Verdict::kTrunkToRelayed
                             : index < kSessions ? Verdict::kTrunkExpired
                                                 : Verdict::kTrunkUnbound;
    if (of_record != expected) __builtin_trap();
    if (index >= kExpired) continue;
    const uint8_t* packet = buffer.packet().data;
    if (out.data < packet || out.data + out.length > packet + buffer.packet().length) {
      __builtin_trap();
    }
  }
  return 0;
}
