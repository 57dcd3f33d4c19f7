// Adds the per-CPU counters of the program to a row of the data plane's counters.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "io/counters.h"
#include "table/remote_relays.h"
#include "xdp/map_structs.h"
#include "xdp/program_loader.h"

namespace turnpike {

// Not thread-safe: the owner holds a lock.
class XdpCounters {
 public:
  // `cells` is one row of counters, `traffic` has one element per relay. Both outlive this object
  // and have no other writer.
  void Open(const tp_program& program, CounterCell* cells, TrunkTraffic* traffic,
            uint32_t relays_max);

  // Sets the initial sequence of every CPU's lane. Called before the program is attached.
  Status StartLanes(uint64_t initial_sequence);
  // Adds the counts since the last call.
  void Collect();
  // Adds the counts of one relay's traffic since the last call.
  void CollectTraffic(uint32_t relay_index);

 private:
  int cpus_map_ = 0;
  int traffics_map_ = 0;
  CounterCell* cells_ = nullptr;
  TrunkTraffic* traffic_ = nullptr;
  // Buffers with one element for each possible CPU.
  std::vector<tp_cpu> by_cpu_;
  std::vector<tp_traffic> traffic_by_cpu_;
  std::array<uint64_t, TP_COUNTER_COUNT> counted_{};
  std::vector<tp_traffic> traffic_counted_;
};

}  // namespace turnpike
