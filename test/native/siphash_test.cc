#include "base/siphash.h"

#include <gtest/gtest.h>

#include "support.h"

namespace turnpike {
namespace {

SipKey CountingKey() {
  uint8_t key[16];
  for (uint8_t i = 0; i < 16; ++i) key[i] = i;
  return SipKey::FromBytes(key);
}

uint64_t Hash(const std::vector<uint8_t>& message) {
  SipHash24 hash(CountingKey());
  hash.Update(message.data(), message.size());
  return hash.Finish();
}

TEST(Siphash, PaperVector) {
  // Appendix A of the paper: key 00…0f, message 00…0e.
  std::vector<uint8_t> message;
  for (uint8_t i = 0; i < 15; ++i) message.push_back(i);
  EXPECT_EQ(Hash(message), 0xa129ca6149be45e5u);
}

TEST(Siphash, ReferenceVectors) {
  // The first and the ninth of the reference code's vectors, as it writes them.
  uint8_t bytes[8];
  StoreLe64(bytes, Hash({}));
  EXPECT_EQ(test::ToHex(bytes, 8), std::string("310e0edd47db6f72"));
  StoreLe64(bytes, Hash({0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(test::ToHex(bytes, 8), std::string("6224939a79f5f593"));
}

TEST(Siphash, TrunkTagVector) {
  // PROTOCOL.md section 7.
  const auto key = test::FromHex("b061b39e3bbaae73e8f5b0764d95dc90");
  const auto header = test::FromHex("110001456b02a10000000007");
  const auto record = test::FromHex("0102030400050009");
  SipHash24 hash(SipKey::FromBytes(key.data()));
  hash.Update(header.data(), header.size());
  hash.Update(record.data(), record.size());
  uint8_t tag[8];
  StoreLe64(tag, hash.Finish());
  EXPECT_EQ(test::ToHex(tag, 8), std::string("f52a1b967bb83c1b"));
}

TEST(Siphash, AnySplitHashesTheSame) {
  std::vector<uint8_t> message;
  for (int i = 0; i < 40; ++i) message.push_back(static_cast<uint8_t>(i * 7));
  const uint64_t whole = Hash(message);
  for (size_t first = 0; first <= message.size(); ++first) {
    for (size_t second = first; second <= message.size(); ++second) {
      SipHash24 hash(CountingKey());
      hash.Update(message.data(), first);
      hash.Update(message.data() + first, second - first);
      hash.Update(message.data() + second, message.size() - second);
      EXPECT_EQ(hash.Finish(), whole);
    }
  }
}

TEST(Siphash, WordsHashLikeTheirBytes) {
  const std::vector<uint8_t> message{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
  const uint64_t whole = Hash(message);
  for (int first = 1; first <= 8; ++first) {
    for (int second = 1; second <= 8; ++second) {
      SipHash24 hash(CountingKey());
      size_t at = 0;
      for (const int count : {first, second}) {
        uint64_t word = 0;
        for (int i = 0; i < count; ++i) word |= uint64_t{message[at++]} << (8 * i);
        hash.UpdateWord(word, count);
      }
      hash.Update(message.data() + at, message.size() - at);
      EXPECT_EQ(hash.Finish(), whole);
    }
  }
}

}  // namespace
}  // namespace turnpike
