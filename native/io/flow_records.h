// The controlling thread's records of the flows that one worker has, or will have after the queued
// commands. The flows that an endpoint receives are in a list, so that they end with it.
#pragma once

#include <cstdint>
#include <optional>

#include "table/fixed_table.h"
#include "table/flow_table.h"

namespace turnpike {

class FlowRecords {
 public:
  // A list is its first flow; it is empty if that is kNoFlow.
  static constexpr uint32_t kNoFlow = UINT32_MAX;

  // As FixedTable::Allocate.
  Status Allocate(uint32_t flows_max, const SipKey& hash_key) {
    return table_.Allocate(flows_max, hash_key);
  }

  bool full() const { return table_.full(); }
  bool Has(const FlowKey& key) { return table_.Find(key) != nullptr; }

  // Returns the number of a flow, which is that of its entry in the worker's table: both tables get
  // the same changes in the same order.
  std::optional<uint32_t> NumberOf(const FlowKey& key) {
    const Links* const links = table_.Find(key);
    if (links == nullptr) return std::nullopt;
    return table_.NumberOf(links);
  }
  // Returns the key of a flow by its number.
  const FlowKey& KeyOf(uint32_t number) const { return table_.KeyOf(number); }

  // Adds a flow, and to `list` unless that is null. Returns false if it is there already. The table
  // must not be full.
  bool Insert(const FlowKey& key, uint32_t* list) {
    if (Has(key)) return false;
    Links* const links = table_.FindOrInsert(key);
    if (list == nullptr) return true;
    links->behind = *list;
    if (*list != kNoFlow) table_.ValueOf(*list).before = table_.NumberOf(links);
    *list = table_.NumberOf(links);
    return true;
  }
  // Removes a flow. `list` is as it was when the flow was added. Returns whether it was there.
  bool Erase(const FlowKey& key, uint32_t* list) {
    const Links* const links = table_.Find(key);
    if (links == nullptr) return false;
    if (list != nullptr) {
      (links->before == kNoFlow ? *list : table_.ValueOf(links->before).behind) = links->behind;
      if (links->behind != kNoFlow) table_.ValueOf(links->behind).before = links->before;
    }
    return table_.Erase(key);
  }

 private:
  struct Links {
    uint32_t before = kNoFlow;
    uint32_t behind = kNoFlow;
  };

  FixedTable<FlowKey, Links> table_;
};

}  // namespace turnpike
