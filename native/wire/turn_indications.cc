#include "wire/turn_indications.h"

#include <cstring>
#include <initializer_list>

#include "wire/fingerprint.h"

namespace turnpike {

namespace {

// Attribute types (RFC 8656 section 18, RFC 8489 section 14).
constexpr uint16_t kMessageIntegrity = 0x0008;
constexpr uint16_t kXorPeerAddress = 0x0012;
constexpr uint16_t kData = 0x0013;
constexpr uint16_t kDontFragment = 0x001a;
constexpr uint16_t kMessageIntegritySha256 = 0x001c;
constexpr uint16_t kFingerprint = 0x8028;

constexpr uint64_t BitsOf(std::initializer_list<uint16_t> types) {
  uint64_t bits = 0;
  for (const uint16_t type : types) bits |= uint64_t{1} << type;
  return bits;
}
// Every comprehension-required attribute of RFC 8489, all of which are below 64, and of RFC 8656.
// A receiver ignores those that it knows and does not expect (RFC 8489 section 6.3).
constexpr uint64_t kKnown = BitsOf({0x0001, 0x0006, kMessageIntegrity, 0x0009, 0x000a, 0x0014,
                                    0x0015, kMessageIntegritySha256, 0x001d, 0x001e, 0x0020}) |
                            BitsOf({0x000c, 0x000d, kXorPeerAddress, kData, 0x0016, 0x0017, 0x0018,
                                    0x0019, kDontFragment, 0x0022});
// From this type on a receiver may ignore an attribute (RFC 8489 section 14).
constexpr uint16_t kComprehensionOptionalMin = 0x8000;

// Address families (RFC 8489 section 14.1).
constexpr uint8_t kIpv4 = 1;
constexpr uint8_t kIpv6 = 2;
// Offset of the magic cookie and the transaction id, which addresses are XORed with (RFC 8489
// section 14.2).
constexpr size_t kPadOffset = 4;
constexpr uint16_t kPortPad = kStunMagicCookie >> 16;

constexpr bool IsUnknown(uint16_t type) {
  if (type >= kComprehensionOptionalMin) return false;
  return type >= 64 || (kKnown >> type & 1) == 0;
}

struct AttributeHeader {
  Be16 type;
  Be16 value_bytes;
};

struct AddressHeader {
  uint8_t reserved;
  uint8_t family;
  Be16 port;
};

bool ReadXorAddress(const uint8_t* message, const uint8_t* value, size_t value_bytes,
                    TransportAddress* address) {
  if (value_bytes < sizeof(AddressHeader)) return false;
  const auto* header = reinterpret_cast<const AddressHeader*>(value);
  const size_t ip_bytes = value_bytes - sizeof(AddressHeader);
  if (!(header->family == kIpv4 && ip_bytes == 4) && !(header->family == kIpv6 && ip_bytes == 16)) {
    return false;
  }
  uint8_t ip[16];
  for (size_t i = 0; i < ip_bytes; ++i) {
    ip[i] = value[sizeof(AddressHeader) + i] ^ message[kPadOffset + i];
  }
  if (ip_bytes == 4) {
    address->ip = IpAddress::FromIpv4(ip);
  } else {
    std::memcpy(address->ip.bytes.data(), ip, sizeof(ip));
  }
  address->port = header->port.Get() ^ kPortPad;
  return true;
}

// Writes an attribute's header at `start` and returns where its value starts.
uint8_t* WriteHeader(uint8_t* start, uint16_t type, uint16_t value_bytes) {
  auto* header = reinterpret_cast<AttributeHeader*>(start);
  header->type.Set(type);
  header->value_bytes.Set(value_bytes);
  return start + sizeof(AttributeHeader);
}

}  // namespace

bool ReadSendIndication(const uint8_t* message, size_t length, SendIndication* indication) {
  indication->payload = nullptr;
  indication->dont_fragment = false;
  bool has_peer = false;
  bool is_signed = false;
  for (size_t offset = kStunHeaderBytes; offset < length;) {
    // The length is a multiple of four, and so is each attribute's.
    const auto* header = reinterpret_cast<const AttributeHeader*>(message + offset);
    const uint8_t* value = message + offset + sizeof(AttributeHeader);
    const uint16_t value_bytes = header->value_bytes.Get();
    const size_t rest = length - offset - sizeof(AttributeHeader);
    if (value_bytes + AttributePaddingBytes(value_bytes) > rest) return false;
    const uint16_t type = header->type.Get();
    offset += sizeof(AttributeHeader) + value_bytes + AttributePaddingBytes(value_bytes);
    if (type == kFingerprint) {
      const size_t covered = static_cast<size_t>(value - message) - sizeof(AttributeHeader);
      if (offset != length || value_bytes != sizeof(Be32)) return false;
      const uint32_t fingerprint = reinterpret_cast<const Be32*>(value)->Get();
      return has_peer && indication->payload != nullptr &&
             fingerprint == FingerprintOf(message, covered);
    }
    // What follows an integrity attribute is not covered by it (RFC 8489 section 14.5).
    if (is_signed) continue;
    switch (type) {
      case kXorPeerAddress:
        if (!has_peer && !ReadXorAddress(message, value, value_bytes, &indication->peer)) {
          return false;
        }
        has_peer = true;
        break;
      case kData:
        if (indication->payload == nullptr) {
          indication->payload = value;
          indication->head_bytes = static_cast<uint32_t>(value - message);
          indication->payload_bytes = value_bytes;
        }
        break;
      case kDontFragment:
        indication->dont_fragment = true;
        break;
      case kMessageIntegrity:
      case kMessageIntegritySha256:
        is_signed = true;
        break;
      default:
        if (IsUnknown(type)) return false;
    }
  }
  return has_peer && indication->payload != nullptr;
}

uint8_t* WrapInDataIndication(uint8_t* payload, uint16_t payload_bytes,
                              const TransportAddress& peer, const uint64_t random[2]) {
  const bool ipv4 = peer.ip.IsIpv4();
  const uint32_t ip_bytes = ipv4 ? 4 : 16;
  const uint32_t padding_bytes = AttributePaddingBytes(payload_bytes);
  uint8_t* const message = payload - DataIndicationHeadBytes(ipv4);
  const auto body_bytes = static_cast<uint16_t>(DataIndicationHeadBytes(ipv4) - kStunHeaderBytes +
                                                payload_bytes + padding_bytes);
  WriteStunHeader(message, kDataIndication, body_bytes, random);

  uint8_t* const value = WriteHeader(message + kStunHeaderBytes, kXorPeerAddress,
                                     static_cast<uint16_t>(sizeof(AddressHeader) + ip_bytes));
  auto* address = reinterpret_cast<AddressHeader*>(value);
  address->reserved = 0;
  address->family = ipv4 ? kIpv4 : kIpv6;
  address->port.Set(peer.port ^ kPortPad);
  const uint8_t* const ip = &peer.ip.bytes[16 - ip_bytes];
  for (uint32_t i = 0; i < ip_bytes; ++i) {
    value[sizeof(AddressHeader) + i] = ip[i] ^ message[kPadOffset + i];
  }
  WriteHeader(payload - sizeof(AttributeHeader), kData, payload_bytes);
  std::memset(payload + payload_bytes, 0, padding_bytes);
  return message;
}

}  // namespace turnpike
