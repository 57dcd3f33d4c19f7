// FINGERPRINT of STUN messages (RFC 8489 section 14.7).
#pragma once

#include <cstddef>
#include <cstdint>

namespace turnpike {

// Returns the value of a FINGERPRINT attribute whose header is at `message + length`: the CRC-32 of
// what precedes it, XORed with 0x5354554e. The message's length field counts the attribute already.
uint32_t FingerprintOf(const uint8_t* message, size_t length);

}  // namespace turnpike
