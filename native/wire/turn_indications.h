// Send and Data indications (RFC 8656 section 11): data between a client and a peer without a
// channel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ip_address.h"
#include "wire/stun_header.h"

namespace turnpike {

// A Send indication.
struct SendIndication {
  TransportAddress peer;
  // Points into the message.
  const uint8_t* payload;
  uint16_t payload_bytes;
  // Bytes of the message before the payload.
  uint32_t head_bytes;
  bool dont_fragment;
};

// Reads a Send indication, whose header ClassifyStun has accepted: the first XOR-PEER-ADDRESS, the
// first DATA, and DONT-FRAGMENT. An IPv4-mapped IPv6 address is the IPv4 address. Returns false if
// one of the first two is missing or malformed, if there is a comprehension-required attribute that
// is unknown, or if FINGERPRINT is wrong or not the last (RFC 8656 section 11.2, RFC 8489 sections
// 6.3.2 and 7). Known attributes that do not belong there are ignored (RFC 8489 section 6.3).
// Indications are not authenticated (RFC 8656 section 5), but some clients sign them: what follows
// MESSAGE-INTEGRITY is ignored.
bool ReadSendIndication(const uint8_t* message, size_t length, SendIndication* indication);

// Length in bytes of what precedes the payload of a Data indication: header, XOR-PEER-ADDRESS and
// the header of DATA.
constexpr uint32_t DataIndicationHeadBytes(bool ipv4) {
  return static_cast<uint32_t>(kStunHeaderBytes) + 4 + (ipv4 ? 8 : 20) + 4;
}
// Length in bytes of the padding behind a payload (RFC 8489 section 14).
constexpr uint32_t AttributePaddingBytes(uint32_t payload_bytes) {
  return (4 - payload_bytes % 4) % 4;
}
// Largest payload of a Data indication: the message's length is a multiple of four that fits 16
// bits.
inline constexpr uint32_t kDataIndicationPayloadBytesMax = 0xfffc - 4 - 20 - 4;

// Writes a Data indication around a payload: DataIndicationHeadBytes before it, and its padding
// behind it. Its transaction id is 96 bits of `random`. Returns where the message starts.
uint8_t* WrapInDataIndication(uint8_t* payload, uint16_t payload_bytes,
                              const TransportAddress& peer, const uint64_t random[2]);

}  // namespace turnpike
