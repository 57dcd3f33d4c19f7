// Runs test/corpus/packets.txt, as frames, through the fast path's build for user space.
#include "xdp_corpus.h"

namespace turnpike::test {
namespace {

TEST(EveryPacketIsForwardedDroppedOrPassedInEveryMixOfFamilies) {
  for (uint32_t mix = 0; mix < kFamilyMixes; ++mix) {
    UserPath path;
    XdpCorpus corpus(path, mix);
    corpus.Run([](const std::string&, const Bytes&, const Passage&) {});
    CHECK(corpus.forwarded() >= 15);
    CHECK(corpus.dropped() > 5);
    CHECK(corpus.passed() > 60);
    CHECK_EQ(path.Count(TP_COUNT_REWRITE_FAILED), 0u);
    CHECK(path.Count(TP_COUNT_CLIENT_TO_TRUNK) > 0);
    CHECK(path.Count(TP_COUNT_TRUNK_TO_CLIENT) > 0);
    CHECK_EQ(path.Traffic(2).sent, path.Count(TP_COUNT_CLIENT_TO_TRUNK));
    CHECK_EQ(path.Traffic(2).received, path.Count(TP_COUNT_TRUNK_TO_CLIENT));
  }
}

}  // namespace
}  // namespace turnpike::test
