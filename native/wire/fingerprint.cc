#include "wire/fingerprint.h"

#include <array>

#include "base/byte_order.h"

namespace turnpike {

namespace {

// The polynomial of ITU V.42, reflected.
constexpr uint32_t kPolynomial = 0xedb88320;
constexpr uint32_t kFingerprintXor = 0x5354554e;
// Bytes that one step takes.
constexpr size_t kStepBytes = 8;

using Table = std::array<uint32_t, 256>;

// The table at index n has the remainder of each byte that n zero bytes follow.
constexpr std::array<Table, kStepBytes> MakeTables() {
  std::array<Table, kStepBytes> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = remainder >> 1 ^ (remainder & 1 ? kPolynomial : 0);
    }
    tables[0][byte] = remainder;
  }
  for (size_t n = 1; n < kStepBytes; ++n) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[n - 1][byte];
      tables[n][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr std::array<Table, kStepBytes> kTables = MakeTables();

}  // namespace

uint32_t FingerprintOf(const uint8_t* message, size_t length) {
  uint32_t crc = 0xffffffff;
  size_t i = 0;
  for (; i + kStepBytes <= length; i += kStepBytes) {
    const uint64_t word = LoadLe64(message + i) ^ crc;
    crc = 0;
    for (size_t n = 0; n < kStepBytes; ++n) {
      crc ^= kTables[kStepBytes - 1 - n][word >> 8 * n & 0xff];
    }
  }
  for (; i < length; ++i) crc = crc >> 8 ^ kTables[0][(crc ^ message[i]) & 0xff];
  return ~crc ^ kFingerprintXor;
}

}  // namespace turnpike
