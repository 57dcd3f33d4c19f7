// SipHash-c-d (Aumasson and Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012, section
// 2). SipHash-2-4 computes the trunk tag. SipHash-1-3 hashes table keys, whose hashes an attacker
// never sees.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/byte_order.h"

namespace turnpike {

struct SipKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;

  static SipKey FromBytes(const uint8_t bytes[16]) {
    return SipKey{LoadLe64(bytes), LoadLe64(bytes + 8)};
  }
};

template <int kCompressionRounds, int kFinalizationRounds>
class SipHash {
 public:
  explicit SipHash(const SipKey& key)
      : v0_(key.k0 ^ 0x736f6d6570736575),
        v1_(key.k1 ^ 0x646f72616e646f6d),
        v2_(key.k0 ^ 0x6c7967656e657261),
        v3_(key.k1 ^ 0x7465646279746573) {}

  // Appends bytes to the message. How the message is split between calls does not change the hash.
  void Update(const void* data, size_t length) {
    const uint8_t* bytes = static_cast<const uint8_t*>(data);
    length_ += length;
    const int shift = 8 * pending_bytes_;
    for (; length >= 8; bytes += 8, length -= 8) {
      const uint64_t word = LoadLe64(bytes);
      Compress(pending_ | word << shift);
      pending_ = shift == 0 ? 0 : word >> (64 - shift);
    }
    for (; length > 0; ++bytes, --length) {
      pending_ |= uint64_t{*bytes} << (8 * pending_bytes_);
      if (++pending_bytes_ < 8) continue;
      Compress(pending_);
      pending_ = 0;
      pending_bytes_ = 0;
    }
  }

  // Appends the `count` low bytes of a word, lowest first. The other bytes of `word` must be zero.
  void UpdateWord(uint64_t word, int count) {
    length_ += static_cast<size_t>(count);
    const int shift = 8 * pending_bytes_;
    pending_ |= word << shift;
    pending_bytes_ += count;
    if (pending_bytes_ < 8) return;
    Compress(pending_);
    pending_ = shift == 0 ? 0 : word >> (64 - shift);
    pending_bytes_ -= 8;
  }

  // Returns the hash. The reference code writes it as eight little-endian bytes.
  uint64_t Finish() {
    Compress(pending_ | (uint64_t{length_ & 0xff} << 56));
    v2_ ^= 0xff;
    for (int i = 0; i < kFinalizationRounds; ++i) Round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  static uint64_t Rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

  void Compress(uint64_t word) {
    v3_ ^= word;
    for (int i = 0; i < kCompressionRounds; ++i) Round();
    v0_ ^= word;
  }

  void Round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = Rotate(v1_, 13) ^ v0_;
    v3_ = Rotate(v3_, 16) ^ v2_;
    v0_ = Rotate(v0_, 32);
    v2_ += v1_;
    v0_ += v3_;
    v1_ = Rotate(v1_, 17) ^ v2_;
    v3_ = Rotate(v3_, 21) ^ v0_;
    v2_ = Rotate(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t pending_ = 0;
  int pending_bytes_ = 0;
  size_t length_ = 0;
};

using SipHash24 = SipHash<2, 4>;
using SipHash13 = SipHash<1, 3>;

}  // namespace turnpike
