// What the program has counted on every CPU, added up into a row of the data plane's counters.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "io/counters.h"
#include "table/trunk_peers.h"
#include "xdp/map_structs.h"
#include "xdp/program_loader.h"

namespace turnpike {

// One thread at a time: the owner has a lock around it.
class XdpCounters {
 public:
  // `cells` are one row, `traffic` one element for each relay; both outlive this. Either is written
  // by nobody else.
  void Open(const tp_program& program, CounterCell* cells, TrunkTraffic* traffic,
            uint32_t relays_max);

  // Starts every CPU's lane at a sequence, before any device has the program.
  Status StartLanes(uint64_t initial_sequence);
  // Adds what was counted since the last call.
  void Collect();
  // The same of one relay's traffic.
  void CollectTraffic(uint32_t relay_index);

 private:
  int cpus_map_ = 0;
  int traffics_map_ = 0;
  CounterCell* cells_ = nullptr;
  TrunkTraffic* traffic_ = nullptr;
  // One element for each possible CPU.
  std::vector<tp_cpu> by_cpu_;
  std::vector<tp_traffic> traffic_by_cpu_;
  std::array<uint64_t, TP_COUNTER_COUNT> counted_{};
  std::vector<tp_traffic> traffic_counted_;
};

}  // namespace turnpike
