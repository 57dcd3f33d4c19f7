// The part of STUN that the data plane reads: the header. TypeScript decodes and answers messages;
// malformed ones are dropped here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/byte_order.h"

namespace turnpike {

enum class StunKind : uint8_t { kMalformed, kRequestOrIndication, kResponse };

// Length of a STUN header (RFC 8489 section 5).
inline constexpr size_t kStunHeaderBytes = 20;
// Magic cookie of a STUN header (RFC 8489 section 5).
inline constexpr uint32_t kStunMagicCookie = 0x2112a442;

// The bit of a message type that every response has (RFC 8489 section 5).
inline constexpr uint16_t kResponseBit = 0x0100;
// The bit of a message type that tells an error response from a success (RFC 8489 section 5).
inline constexpr uint16_t kErrorBit = 0x0010;

// Classifies a datagram by its STUN header (RFC 8489 section 5): 20 bytes, with the length of the
// rest, a multiple of four, and the magic cookie. Over UDP the length must match the datagram's.
// The class is bits 4 and 8 of the type.
inline StunKind ClassifyStun(const uint8_t* data, size_t length) {
  struct Header {
    Be16 type;
    Be16 body_bytes;
    Be32 magic_cookie;
  };
  if (length < kStunHeaderBytes) return StunKind::kMalformed;
  const Header* header = reinterpret_cast<const Header*>(data);
  const size_t body_bytes = header->body_bytes.Get();
  if (body_bytes % 4 != 0 || body_bytes != length - kStunHeaderBytes ||
      header->magic_cookie.Get() != kStunMagicCookie) {
    return StunKind::kMalformed;
  }
  const bool response = (header->type.Get() & kResponseBit) != 0;
  return response ? StunKind::kResponse : StunKind::kRequestOrIndication;
}

// Message type of a CreatePermission request (RFC 8656 section 17).
inline constexpr uint16_t kCreatePermissionRequest = 0x0008;
// Message type of a ChannelBind request (RFC 8656 section 17).
inline constexpr uint16_t kChannelBindRequest = 0x0009;
// Message type of a Send indication (RFC 8656 section 17).
inline constexpr uint16_t kSendIndication = 0x0016;
// Message type of a Data indication (RFC 8656 section 17).
inline constexpr uint16_t kDataIndication = 0x0017;
// Message type of an indication (class 0b01) of method Closed (0x0F1), in the bit layout of RFC
// 8489 figure 3.
inline constexpr uint16_t kClosedIndication = 0x02f1;

// Returns the message type; the message must have a whole header.
inline uint16_t StunTypeOf(const uint8_t* message) {
  return reinterpret_cast<const Be16*>(message)->Get();
}

// Writes the header of a message with attributes of `body_bytes`. Its transaction id is 96 bits of
// `random`.
inline void WriteStunHeader(uint8_t* message, uint16_t type, uint16_t body_bytes,
                            const uint64_t random[2]) {
  struct Header {
    Be16 type;
    Be16 body_bytes;
    Be32 magic_cookie;
    Be64 id_high;
    Be32 id_low;
  };
  static_assert(sizeof(Header) == kStunHeaderBytes);
  auto* header = reinterpret_cast<Header*>(message);
  header->type.Set(type);
  header->body_bytes.Set(body_bytes);
  header->magic_cookie.Set(kStunMagicCookie);
  header->id_high.Set(random[0]);
  header->id_low.Set(static_cast<uint32_t>(random[1]));
}

}  // namespace turnpike
