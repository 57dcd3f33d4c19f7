#include "table/session_table.h"

#include <gtest/gtest.h>

#include "table/shared_sequences.h"
#include "xdp/session_sequence.h"

namespace turnpike {
namespace {

// Returns the lost records, counted as in the traffic with a relay.
int Lost(SessionSequence& session, std::initializer_list<uint16_t> sequences) {
  int lost = 0;
  for (uint16_t sequence : sequences) {
    const SequenceStep step = session.Step(sequence);
    lost += step.missing;
    if (step.late && lost > 0) --lost;
  }
  return lost;
}

TEST(Session, NoLossInOrder) {
  SessionSequence session;
  EXPECT_EQ(Lost(session, {65'534, 65'535, 0, 1, 2}), 0);
}

TEST(Session, GapsAreLoss) {
  SessionSequence session;
  EXPECT_EQ(Lost(session, {10, 11, 14, 20}), 7);
}

TEST(Session, ReorderingIsNoLoss) {
  SessionSequence session;
  EXPECT_EQ(Lost(session, {0, 3, 1, 2, 4}), 0);
  EXPECT_EQ(Lost(session, {8, 7, 6, 5, 9}), 0);
}

TEST(Session, ALargeJumpIsANewStart) {
  SessionSequence session;
  EXPECT_EQ(Lost(session, {5, 30'000, 30'001}), 0);
  EXPECT_EQ(Lost(session, {30'003}), 1);
}

TEST(Session, TheFirstSequenceMayBeAnyNumber) {
  SessionSequence session;
  EXPECT_EQ(Lost(session, {40'000, 40'001}), 0);
}

TEST(Session, ASharedCellAgreesWithWorkersAndProgram) {
  SessionSequence own;
  uint64_t memory[2] = {};
  const SharedSequences cells{nullptr, reinterpret_cast<uint8_t*>(memory)};
  uint32_t program_cell = 0;
  uint32_t random = 1;
  for (int i = 0; i < 10'000; ++i) {
    random = random * 1'664'525 + 1'013'904'223;
    const uint32_t spread = i % 100 == 0 ? 0xffff : 7;
    const uint16_t sequence = static_cast<uint16_t>(i + (random >> 16) % (spread + 1));
    const SequenceStep expected = own.Step(sequence);
    const SequenceStep step = cells.Step(1, sequence);
    EXPECT_EQ(step.missing, expected.missing);
    EXPECT_EQ(step.late, expected.late);
    int lost = 0;
    program_cell = tp_session_step(program_cell, sequence, &lost);
    EXPECT_EQ(lost, expected.late ? -1 : expected.missing);
    EXPECT_EQ(program_cell, memory[1]);
  }
}

TEST(Session, ASharedCellContinuesTheSequenceOfAFlow) {
  uint64_t memory[3] = {0, 0, 0xffff};
  const SharedSequences cells{reinterpret_cast<uint8_t*>(memory), nullptr};
  EXPECT_EQ(cells.NextSequence(2), 0xffff);
  EXPECT_EQ(cells.NextSequence(2), 0);
}

}  // namespace
}  // namespace turnpike
