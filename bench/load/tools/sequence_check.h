// Checks received payloads for duplicates, reordering and damage.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "payload.h"

namespace bench {

class SequenceCheck {
 public:
  // Records a payload of the bench. `length` is that of the whole payload.
  void Take(const uint8_t* payload, size_t length);

  uint64_t payloads() const { return payloads_; }
  uint64_t duplicates() const { return duplicates_; }
  // Payloads that arrived after a later one of their flow.
  uint64_t reordered() const { return reordered_; }
  // Payloads that differ from what the generator sent.
  uint64_t damaged() const { return damaged_; }

 private:
  // A higher sequence counts as damage, which bounds memory.
  static constexpr uint64_t kSequencesMax = 1ull << 30;

  std::vector<uint64_t> seen_;
  std::unordered_map<uint32_t, uint64_t> newest_by_flow_;
  uint64_t payloads_ = 0;
  uint64_t duplicates_ = 0;
  uint64_t reordered_ = 0;
  uint64_t damaged_ = 0;
};

}  // namespace bench
