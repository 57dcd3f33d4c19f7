// Which payloads have arrived, and whether any came twice, late or damaged.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "payload.h"

namespace bench {

class SequenceCheck {
 public:
  // Takes note of a payload of the rig. `length` is that of the whole payload.
  void Take(const uint8_t* payload, size_t length);

  uint64_t payloads() const { return payloads_; }
  uint64_t duplicates() const { return duplicates_; }
  // Payloads that overtook an earlier one of their flow.
  uint64_t reordered() const { return reordered_; }
  // Payloads that are not as the generator built them.
  uint64_t damaged() const { return damaged_; }

 private:
  // Beyond it a sequence is taken for damage, so that no datagram can claim memory.
  static constexpr uint64_t kSequencesMax = 1ull << 30;

  std::vector<uint64_t> seen_;
  std::unordered_map<uint32_t, uint64_t> newest_by_flow_;
  uint64_t payloads_ = 0;
  uint64_t duplicates_ = 0;
  uint64_t reordered_ = 0;
  uint64_t damaged_ = 0;
};

}  // namespace bench
