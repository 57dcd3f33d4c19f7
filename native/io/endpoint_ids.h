// Handles for the endpoints that one worker opens while it runs. An id that was given back rests
// for as long as others are there to be taken, and its next handle has another generation: what
// still names the old endpoint names nothing.
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

  // Ids that were never used come first, then the one that has rested longest; none where all are
  // in use.
  std::optional<TransportHandle> Take(Transport transport) {
    uint16_t place;
    if (generations_.size() < ids_max_) {
      place = static_cast<uint16_t>(generations_.size());
      generations_.push_back(0);
    } else if (!rested_.empty()) {
      place = rested_.front();
      rested_.pop_front();
    } else {
      return std::nullopt;
    }
    uint32_t& generation = generations_[place];
    // That of listeners is 0.
    generation = generation == TransportHandle::kGenerationMask ? 1 : generation + 1;
    return TransportHandle(transport, worker_, generation,
                           static_cast<uint16_t>(TransportHandle::kListeners + place));
  }
  // Of a handle that was taken and not given back since.
  void GiveBack(TransportHandle handle) { rested_.push_back(PlaceOf(handle)); }

  // The place of a handle's id among those of endpoints, from 0.
  static uint16_t PlaceOf(TransportHandle handle) {
    return static_cast<uint16_t>(handle.id() - TransportHandle::kListeners);
  }

 private:
  const uint8_t worker_;
  const uint32_t ids_max_;
  // The newest of each id that was ever used.
  std::vector<uint32_t> generations_;
  std::deque<uint16_t> rested_;
};
static_assert(TransportHandle::kListeners + kEndpointsPerWorkerMax <= 65'536);

}  // namespace turnpike
