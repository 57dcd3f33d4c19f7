// Allocates handles for the endpoints that one worker opens while it runs. A freed id is reused as
// late as possible and with another generation, so that a handle of a closed endpoint never matches
// a new one.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "table/transport_handle.h"

namespace turnpike {

class EndpointIds {
 public:
  EndpointIds(uint8_t worker, uint32_t ids_max) : worker_(worker), ids_max_(ids_max) {}

  // Returns a new handle: unused ids first, then the id that was freed first; none if all are in
  // use.
  std::optional<TransportHandle> Take(Transport transport) {
    uint16_t slot;
    if (generations_.size() < ids_max_) {
      slot = static_cast<uint16_t>(generations_.size());
      generations_.push_back(0);
    } else if (!rested_.empty()) {
      slot = rested_.front();
      rested_.pop_front();
    } else {
      return std::nullopt;
    }
    uint32_t& generation = generations_[slot];
    // Generation 0 is reserved for listeners.
    generation = generation == TransportHandle::kGenerationMask ? 1 : generation + 1;
    return TransportHandle(transport, worker_, generation,
                           static_cast<uint16_t>(TransportHandle::kListeners + slot));
  }
  // Frees the id of a handle. Call once per taken handle.
  void GiveBack(TransportHandle handle) { rested_.push_back(SlotOf(handle)); }

  // Returns the index, from 0, of a handle's id among the ids of endpoints.
  static uint16_t SlotOf(TransportHandle handle) {
    return static_cast<uint16_t>(handle.id() - TransportHandle::kListeners);
  }

 private:
  const uint8_t worker_;
  const uint32_t ids_max_;
  // The newest generation of each id that was used.
  std::vector<uint32_t> generations_;
  std::deque<uint16_t> rested_;
};
static_assert(TransportHandle::kListeners + kEndpointsPerWorkerMax <= 65'536);

}  // namespace turnpike
