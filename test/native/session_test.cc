#include "check.h"
#include "table/session_index.h"

namespace turnpike {
namespace {

// Loss as a slot's traffic counts it.
int Lost(Session& session, std::initializer_list<uint16_t> sequences) {
  int lost = 0;
  for (uint16_t sequence : sequences) {
    const SequenceStep step = session.Step(sequence);
    lost += step.missing;
    if (step.late && lost > 0) --lost;
  }
  return lost;
}

TEST(NoLossInOrder) {
  Session session;
  CHECK_EQ(Lost(session, {65'534, 65'535, 0, 1, 2}), 0);
}

TEST(GapsAreLoss) {
  Session session;
  CHECK_EQ(Lost(session, {10, 11, 14, 20}), 7);
}

TEST(ReorderingIsNoLoss) {
  Session session;
  CHECK_EQ(Lost(session, {0, 3, 1, 2, 4}), 0);
  CHECK_EQ(Lost(session, {8, 7, 6, 5, 9}), 0);
}

TEST(AJumpStartsAnew) {
  Session session;
  CHECK_EQ(Lost(session, {5, 30'000, 30'001}), 0);
  CHECK_EQ(Lost(session, {30'003}), 1);
}

TEST(TheFirstMayBeAnything) {
  Session session;
  CHECK_EQ(Lost(session, {40'000, 40'001}), 0);
}

}  // namespace
}  // namespace turnpike
