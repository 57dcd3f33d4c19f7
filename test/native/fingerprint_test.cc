#include "wire/fingerprint.h"

#include <gtest/gtest.h>

#include "support.h"

namespace turnpike {
namespace {

TEST(Fingerprint, IsThatOfRfc5769) {
  // The response of section 2.2, up to FINGERPRINT.
  const std::vector<uint8_t> message = test::FromHex(
      "0101003c2112a442b7e7a701bc34d686fa87dfae"
      "8022000b7465737420766563746f7220"
      "002000080001a147e112a643"
      "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7");
  EXPECT_EQ(FingerprintOf(message.data(), message.size()), 0xc07d4c96u);
}

TEST(Fingerprint, IsThatOfACrcBitByBitAtEveryLength) {
  std::vector<uint8_t> message;
  uint32_t crc = 0xffffffff;
  for (uint32_t i = 0; i < 64; ++i) {
    EXPECT_EQ(FingerprintOf(message.data(), message.size()), ~crc ^ 0x5354554e) << i;
    message.push_back(static_cast<uint8_t>(i * 37 + 11));
    crc ^= message.back();
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
}

}  // namespace
}  // namespace turnpike
