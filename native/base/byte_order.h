// Integers in network byte order as types, so that a wire struct states its byte order and a read
// always converts. They are byte arrays without alignment, so a struct of them can be placed over a
// packet.
#pragma once

#include <cstdint>
#include <cstring>

namespace turnpike {

inline uint64_t LoadLe64(const uint8_t* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

inline void StoreLe64(uint8_t* bytes, uint64_t value) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  std::memcpy(bytes, &value, sizeof(value));
}

// Reverse the byte order. The low byte of the result is the first byte of `value` in network order.
inline uint16_t SwapBytes16(uint16_t value) { return __builtin_bswap16(value); }
inline uint32_t SwapBytes32(uint32_t value) { return __builtin_bswap32(value); }
inline uint64_t SwapBytes64(uint64_t value) { return __builtin_bswap64(value); }

template <typename Integer>
class BigEndian {
 public:
  BigEndian() = default;
  explicit BigEndian(Integer value) { Set(value); }

  Integer Get() const {
    Integer value = 0;
    for (uint8_t byte : bytes_) value = static_cast<Integer>((uint64_t{value} << 8) | byte);
    return value;
  }

  void Set(Integer value) {
    for (int i = sizeof(Integer) - 1; i >= 0; --i) {
      bytes_[i] = static_cast<uint8_t>(value);
      value = static_cast<Integer>(uint64_t{value} >> 8);
    }
  }

 private:
  uint8_t bytes_[sizeof(Integer)];
};

using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;
using Be64 = BigEndian<uint64_t>;

}  // namespace turnpike
