// Trunk datagrams of PROTOCOL.md section 4: header, then records that fill it exactly, or a probe.
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

// The bytes of the header that the tag covers.
inline constexpr size_t kTaggedHeaderBytes = 12;

struct RecordHeader {
  Be32 session_index;
  Be16 payload_bytes;
  Be16 session_sequence;

  // Written as one word, so that it can be read as one at once: what was written in parts must
  // reach the cache first.
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
  uint8_t reserved;
  // The probe's whole UDP payload, padding included; in the reply too, which has no padding.
  Be16 probe_bytes;

  Heard WhatIsHeard() const {
    return heard <= static_cast<uint8_t>(Heard::kUnanswered) ? static_cast<Heard>(heard)
                                                             : Heard::kUnknown;
  }
};
static_assert(sizeof(PathProbeBody) == 16 && alignof(PathProbeBody) == 1);

// All of a path probe but its padding, and all of its reply.
inline constexpr size_t kPathProbeBytes = sizeof(TrunkHeader) + sizeof(PathProbeBody);
static_assert(kPathProbeBytes == kPathProbeBytesMin);

inline bool IsProbe(TrunkType type) {
  return type >= TrunkType::kProbe && type <= TrunkType::kPathProbeReply;
}
// Bytes of the body that the tag of a probe or reply covers.
inline size_t ProbeBodyBytes(TrunkType type) {
  return type < TrunkType::kPathProbe ? sizeof(ProbeBody) : sizeof(PathProbeBody);
}

// Walks the records of a datagram whose structure was checked.
class RecordCursor {
 public:
  RecordCursor() = default;
  RecordCursor(uint8_t* datagram, size_t length)
      : next_(datagram + sizeof(TrunkHeader)), end_(datagram + length) {}

  // Returns the next record's header, its payload right behind it, or null at the end.
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

// Whether at least one record follows the header and the records fill the datagram exactly.
bool RecordsFill(const uint8_t* datagram, size_t length);

// Adds every record header of such a datagram to a tag that its header began.
void AddRecords(uint8_t* datagram, size_t length, SipHash24* tag);

// The tag of a data datagram whose structure was checked: SipHash-2-4 over bytes 0-11 and every
// record header, in order. Payloads are the peers' to protect.
uint64_t DataTag(const SipKey& key, uint8_t* datagram, size_t length);

// Whether a datagram of a probe's or reply's type has that type's length.
bool ProbeFills(const uint8_t* datagram, size_t length);

// The tag of a probe or reply that has its length: over bytes 0-11 and the body, without padding.
uint64_t ProbeTag(const SipKey& key, const uint8_t* datagram);

}  // namespace turnpike
