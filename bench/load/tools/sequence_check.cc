#include "sequence_check.h"

namespace bench {

void SequenceCheck::Take(const uint8_t* payload, size_t length) {
  PayloadHead head;
  if (length < sizeof(head)) {
    ++damaged_;
    return;
  }
  std::memcpy(&head, payload, sizeof(head));
  if (head.magic != kPayloadMagic || head.sequence >= kSequencesMax) {
    ++damaged_;
    return;
  }
  ++payloads_;
  const size_t word = head.sequence / 64;
  if (word >= seen_.size()) seen_.resize(word * 2 + 1'024);
  const uint64_t bit = uint64_t{1} << (head.sequence % 64);
  if ((seen_[word] & bit) != 0) ++duplicates_;
  seen_[word] |= bit;
  uint64_t& newest = newest_by_flow_[head.flow];
  if (head.sequence < newest) {
    ++reordered_;
  } else {
    newest = head.sequence;
  }
}

}  // namespace bench
