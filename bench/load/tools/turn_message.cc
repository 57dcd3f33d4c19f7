#include "turn_message.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>

#include "arguments.h"
#include "base/byte_order.h"
#include "wire/stun_header.h"

namespace bench {

namespace {

using turnpike::Be16;
using turnpike::Be32;
using turnpike::Be64;
using turnpike::kStunHeaderBytes;
using turnpike::kStunMagicCookie;

// Attribute types (RFC 8489 section 18.3, RFC 8656 section 18).
constexpr uint16_t kUsername = 0x0006;
constexpr uint16_t kMessageIntegrity = 0x0008;
constexpr uint16_t kErrorCode = 0x0009;
constexpr uint16_t kChannelNumber = 0x000c;
constexpr uint16_t kXorPeerAddress = 0x0012;
constexpr uint16_t kRealm = 0x0014;
constexpr uint16_t kNonce = 0x0015;
constexpr uint16_t kXorRelayedAddress = 0x0016;
constexpr uint16_t kRequestedTransport = 0x0019;

constexpr size_t kAttributeHeaderBytes = 4;
constexpr size_t kSha1Bytes = 20;
constexpr uint8_t kIpv4 = 1;
constexpr uint8_t kUdp = 17;

// Bits of a message type (RFC 8489 section 5).
constexpr uint16_t kClassBits = 0x0110;
constexpr uint16_t kSuccess = 0x0100;
constexpr uint16_t kError = 0x0110;

struct AttributeHeader {
  Be16 type;
  Be16 value_bytes;
};
static_assert(sizeof(AttributeHeader) == kAttributeHeaderBytes);

struct MessageHeader {
  Be16 type;
  Be16 body_bytes;
  Be32 cookie;
  Be64 id_high;
  Be32 id_low;
};
static_assert(sizeof(MessageHeader) == kStunHeaderBytes);

struct Ipv4Value {
  uint8_t reserved;
  uint8_t family;
  Be16 port;
  Be32 ip;
};

constexpr size_t Padded(size_t bytes) { return (bytes + 3) / 4 * 4; }

// Applies the XOR of RFC 8489 section 14.2, which is its own inverse.
uint16_t XorPort(uint16_t port) { return port ^ static_cast<uint16_t>(kStunMagicCookie >> 16); }

void TakeAttribute(uint16_t type, const uint8_t* value, size_t value_bytes,
                   TurnResponse* response) {
  const auto* text = reinterpret_cast<const char*>(value);
  if (type == kErrorCode && value_bytes >= 4) {
    response->error_code = (value[2] & 7) * 100 + value[3];
  } else if (type == kRealm) {
    response->realm = std::string_view(text, value_bytes);
  } else if (type == kNonce) {
    response->nonce = std::string_view(text, value_bytes);
  } else if (type == kXorRelayedAddress && value_bytes == sizeof(Ipv4Value)) {
    const auto* address = reinterpret_cast<const Ipv4Value*>(value);
    response->relayed.sin_family = AF_INET;
    response->relayed.sin_port = htons(XorPort(address->port.Get()));
    response->relayed.sin_addr.s_addr = htonl(address->ip.Get() ^ kStunMagicCookie);
  }
}

}  // namespace

void TurnRequest::Add(uint16_t type, const void* value, size_t value_bytes) {
  const size_t start = bytes_.size();
  bytes_.resize(start + kAttributeHeaderBytes + Padded(value_bytes));
  auto* header = reinterpret_cast<AttributeHeader*>(&bytes_[start]);
  header->type.Set(type);
  header->value_bytes.Set(static_cast<uint16_t>(value_bytes));
  std::memcpy(&bytes_[start + kAttributeHeaderBytes], value, value_bytes);
}

void TurnRequest::AddRequestedTransportUdp() {
  const uint8_t value[4] = {kUdp, 0, 0, 0};
  Add(kRequestedTransport, value, sizeof(value));
}

void TurnRequest::AddChannelNumber(uint16_t channel) {
  struct {
    Be16 number;
    Be16 reserved;
  } value{Be16(channel), Be16(0)};
  Add(kChannelNumber, &value, sizeof(value));
}

void TurnRequest::AddXorPeerAddress(const sockaddr_in& peer) {
  const Ipv4Value value{0, kIpv4, Be16(XorPort(ntohs(peer.sin_port))),
                        Be32(ntohl(peer.sin_addr.s_addr) ^ kStunMagicCookie)};
  Add(kXorPeerAddress, &value, sizeof(value));
}

void TurnRequest::WriteHeader(size_t body_bytes) {
  const uint64_t id[2] = {id_.high, id_.low};
  turnpike::WriteStunHeader(bytes_.data(), type_, static_cast<uint16_t>(body_bytes), id);
}

void TurnRequest::Sign(const TurnCredential& credential, std::string_view realm,
                       std::string_view nonce) {
  Add(kUsername, credential.username.data(), credential.username.size());
  Add(kRealm, realm.data(), realm.size());
  Add(kNonce, nonce.data(), nonce.size());
  // The header's length counts the attribute that is computed (RFC 8489 section 14.5).
  WriteHeader(bytes_.size() - kStunHeaderBytes + kAttributeHeaderBytes + kSha1Bytes);
  uint8_t digest[kSha1Bytes];
  unsigned digest_bytes = 0;
  if (HMAC(EVP_sha1(), credential.key.data(), static_cast<int>(credential.key.size()),
           bytes_.data(), bytes_.size(), digest, &digest_bytes) == nullptr) {
    Fail("cannot compute HMAC-SHA1");
  }
  Add(kMessageIntegrity, digest, sizeof(digest));
}

std::string_view TurnRequest::Finish() {
  WriteHeader(bytes_.size() - kStunHeaderBytes);
  return std::string_view(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
}

bool ReadTurnResponse(const uint8_t* message, size_t length, TurnResponse* response) {
  if (turnpike::ClassifyStun(message, length) != turnpike::StunKind::kResponse) return false;
  const auto* header = reinterpret_cast<const MessageHeader*>(message);
  const uint16_t type = header->type.Get();
  *response = TurnResponse{};
  response->type = type & static_cast<uint16_t>(~kClassBits);
  response->id = TransactionId{header->id_high.Get(), header->id_low.Get()};
  response->is_success = (type & kClassBits) == kSuccess;
  if (!response->is_success && (type & kClassBits) != kError) return false;
  for (size_t offset = kStunHeaderBytes; offset < length;) {
    const auto* attribute = reinterpret_cast<const AttributeHeader*>(message + offset);
    const size_t value_bytes = attribute->value_bytes.Get();
    const size_t value = offset + kAttributeHeaderBytes;
    if (value + Padded(value_bytes) > length) return false;
    TakeAttribute(attribute->type.Get(), message + value, value_bytes, response);
    offset = value + Padded(value_bytes);
  }
  return true;
}

}  // namespace bench
