// The options of `new DataPlane(options)`, validated and converted.
#pragma once

#include <napi.h>

#include "io/worker_pool.h"

namespace turnpike {

struct OpenOptions {
  PlaneOptions plane;
  // Devices of the fast path; if empty, there is no fast path.
  std::vector<std::string> xdp_interfaces;
  bool xdp_generic = false;
  bool xdp_strict = false;
  // Memory shared with JavaScript, and the objects that keep it alive.
  const uint8_t* scratch = nullptr;
  Napi::Object scratch_memory;
  Napi::Object counters_memory;
  Napi::Object traffic_memory;
  // Traffic counters of the fast path, for each worker's flows.
  LegTraffic* leg_flows = nullptr;
  Napi::Object leg_flows_memory;
  Napi::Object leg_sessions_memory;
  // Cells before the first counter, so that rows are aligned to cache lines.
  uint32_t counter_offset = 0;
  Napi::Function notify;
};

// Returns false if a field is missing, of the wrong type or out of bounds.
bool ReadOpenOptions(const Napi::Value& value, OpenOptions* options);

}  // namespace turnpike
