// Messages of a TURN client (RFC 8656) with the long-term credential mechanism of RFC 5389, which
// every server knows.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// Types of requests (RFC 8656 section 17).
inline constexpr uint16_t kAllocate = 0x0003;
inline constexpr uint16_t kCreatePermission = 0x0008;
inline constexpr uint16_t kChannelBind = 0x0009;

// Error codes that a client answers with a signed request (RFC 8489 section 14.8).
inline constexpr int kUnauthenticated = 401;
inline constexpr int kStaleNonce = 438;

struct TurnCredential {
  std::string username;
  // MD5 of "username:realm:password" (RFC 8489 section 9.2.2).
  std::array<uint8_t, 16> key;
};

// Identifies a transaction: 96 bits.
struct TransactionId {
  uint64_t high;
  uint32_t low;

  bool operator==(const TransactionId&) const = default;
};

// A request under construction.
class TurnRequest {
 public:
  TurnRequest(uint16_t type, TransactionId id) : type_(type), id_(id) {}

  void AddRequestedTransportUdp();
  void AddChannelNumber(uint16_t channel);
  void AddXorPeerAddress(const sockaddr_in& peer);
  // Adds USERNAME, REALM, NONCE and MESSAGE-INTEGRITY, which must be the last attributes.
  void Sign(const TurnCredential& credential, std::string_view realm, std::string_view nonce);
  // Returns the message; valid until the next call of a member.
  std::string_view Finish();

 private:
  void Add(uint16_t type, const void* value, size_t value_bytes);
  void WriteHeader(size_t body_bytes);

  uint16_t type_;
  TransactionId id_;
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kHeaderBytes);

  static constexpr size_t kHeaderBytes = 20;
};

// What the rig needs of a response. Texts point into the message.
struct TurnResponse {
  // The request's type.
  uint16_t type = 0;
  TransactionId id{};
  bool is_success = false;
  // ERROR-CODE of an error response; 0 without.
  int error_code = 0;
  std::string_view realm;
  std::string_view nonce;
  // XOR-RELAYED-ADDRESS; all zero without.
  sockaddr_in relayed{};
};

// Reads a success or an error response. Returns false for anything else. Does not check its
// integrity, which is the same work whatever the server is.
bool ReadTurnResponse(const uint8_t* message, size_t length, TurnResponse* response);

}  // namespace bench
