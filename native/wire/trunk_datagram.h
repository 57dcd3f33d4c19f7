// Trunk datagrams (PROTOCOL.md section 4): a header, followed by records that fill the datagram
// exactly, or by a probe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/byte_order.h"
#include "base/interface.h"
#include "base/siphash.h"

namespace turnpike {

enum class TrunkType : uint8_t {
  kData = 1,
  kProbe = 2,
  kProbeReply = 3,
  kPathProbe = 4,
  kPathProbeReply = 5
};

// Version in the upper half of a trunk datagram's first byte (PROTOCOL.md section 4).
inline constexpr uint8_t kTrunkVersion = 1;

struct TrunkHeader {
  uint8_t version_and_type;
  uint8_t lane;
  Be16 key_epoch;
  Be64 sequence;
  uint8_t tag[8];

  TrunkType type() const { return static_cast<TrunkType>(version_and_type & 0x0f); }
  void SetType(TrunkType type) {
    version_and_type = static_cast<uint8_t>(kTrunkVersion << 4 | static_cast<uint8_t>(type));
  }
};
static_assert(sizeof(TrunkHeader) == 20 && alignof(TrunkHeader) == 1);

// Length of the part of the header that the tag covers.
inline constexpr size_t kTaggedHeaderBytes = 12;

struct RecordHeader {
  Be32 session_index;
  Be16 payload_bytes;
  Be16 session_sequence;

  // Makes a header with a single 8-byte store, so that an 8-byte load of it is forwarded from the
  // store buffer. A load that spans several smaller stores stalls.
  static RecordHeader Of(uint32_t session_index, uint16_t payload_bytes,
                         uint16_t session_sequence) {
    RecordHeader header;
    StoreLe64(reinterpret_cast<uint8_t*>(&header), uint64_t{SwapBytes16(session_sequence)} << 48 |
                                                       uint64_t{SwapBytes16(payload_bytes)} << 32 |
                                                       SwapBytes32(session_index));
    return header;
  }
};
static_assert(sizeof(RecordHeader) == 8 && alignof(RecordHeader) == 1);

struct ProbeBody {
  Be64 timestamp_ns;
  Be32 number;
};
static_assert(sizeof(ProbeBody) == 12 && alignof(ProbeBody) == 1);

// Length of a plain trunk probe.
inline constexpr size_t kProbeDatagramBytes = sizeof(TrunkHeader) + sizeof(ProbeBody);

struct PathProbeBody {
  Be64 timestamp_ns;
  Be32 number;
  uint8_t heard;
  // In a reply: 0, or one more than the number of probes received on the path, modulo
  // kReceivedModulus. 0 in a probe.
  uint8_t received;
  // Length in bytes of the probe's whole UDP payload, with padding. The reply repeats it but has no
  // padding.
  Be16 probe_bytes;

  Heard WhatIsHeard() const {
    return heard <= static_cast<uint8_t>(Heard::kUnanswered) ? static_cast<Heard>(heard)
                                                             : Heard::kUnknown;
  }
};
static_assert(sizeof(PathProbeBody) == 16 && alignof(PathProbeBody) == 1);

// Length of a path probe without its padding; also the length of its reply.
inline constexpr size_t kPathProbeBytes = sizeof(TrunkHeader) + sizeof(PathProbeBody);
static_assert(kPathProbeBytes == kPathProbeBytesMin);

inline bool IsProbe(TrunkType type) {
  return type >= TrunkType::kProbe && type <= TrunkType::kPathProbeReply;
}
// Returns the length of the body of a probe or reply, all of which the tag covers.
inline size_t ProbeBodyBytes(TrunkType type) {
  return type < TrunkType::kPathProbe ? sizeof(ProbeBody) : sizeof(PathProbeBody);
}

// Iterates over the records of a datagram that RecordsFill has accepted.
class RecordCursor {
 public:
  RecordCursor() = default;
  RecordCursor(uint8_t* datagram, size_t length)
      : next_(datagram + sizeof(TrunkHeader)), end_(datagram + length) {}

  // Returns the next record's header, which its payload follows, or null at the end.
  RecordHeader* Next() {
    if (next_ == end_) return nullptr;
    RecordHeader* record = reinterpret_cast<RecordHeader*>(next_);
    next_ += sizeof(RecordHeader) + record->payload_bytes.Get();
    return record;
  }

 private:
  uint8_t* next_ = nullptr;
  uint8_t* end_ = nullptr;
};

// Returns whether the header is followed by at least one record and the records fill the datagram
// exactly.
bool RecordsFill(const uint8_t* datagram, size_t length);

// Adds every record header of such a datagram to a tag that was started with the trunk header.
void AddRecords(uint8_t* datagram, size_t length, SipHash24* tag);

// Returns the tag of a data datagram that RecordsFill has accepted: SipHash-2-4 over bytes 0-11 and
// every record header, in order. Payloads are not covered; the peers protect them end to end.
uint64_t DataTag(const SipKey& key, uint8_t* datagram, size_t length);

// Returns whether a datagram of a probe's or reply's type has the length of that type.
bool ProbeFills(const uint8_t* datagram, size_t length);

// Returns the tag of a probe or reply that ProbeFills has accepted: SipHash-2-4 over bytes 0-11 and
// the body, without padding.
uint64_t ProbeTag(const SipKey& key, const uint8_t* datagram);

}  // namespace turnpike
