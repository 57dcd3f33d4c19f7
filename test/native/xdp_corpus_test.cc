// Runs test/corpus/packets.txt, as frames, through the fast path's build for user space.
#include "xdp_corpus.h"

namespace turnpike::test {
namespace {

TEST(XdpCorpus, EveryPacketIsForwardedDroppedOrPassedInEveryMixOfFamilies) {
  for (uint32_t mix = 0; mix < kFamilyMixes; ++mix) {
    UserPath path;
    XdpCorpus corpus(path, mix);
    corpus.Run([](const std::string&, const Bytes&, const Passage&) {});
    EXPECT_TRUE(corpus.forwarded() >= 15);
    EXPECT_TRUE(corpus.dropped() > 5);
    EXPECT_TRUE(corpus.passed() > 60);
    EXPECT_EQ(path.Count(TP_COUNT_REWRITE_FAILED), 0u);
    EXPECT_TRUE(path.Count(TP_COUNT_CLIENT_TO_TRUNK) > 0);
    EXPECT_TRUE(path.Count(TP_COUNT_TRUNK_TO_CLIENT) > 0);
    EXPECT_EQ(path.Traffic(2).sent, path.Count(TP_COUNT_CLIENT_TO_TRUNK));
    EXPECT_EQ(path.Traffic(2).received, path.Count(TP_COUNT_TRUNK_TO_CLIENT));
  }
}

}  // namespace
}  // namespace turnpike::test
