// A data plane without Node: sockets, worker threads, and the controlling side on the test's
// thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io/controller.h"
#include "support.h"

namespace turnpike::test {

struct PlaneFixture {
  explicit PlaneFixture(uint32_t workers, const std::string& client = "127.0.0.1:0",
                        const std::string& trunk = "127.0.0.1:0",
                        uint32_t socket_buffer_bytes = 1 << 20,
                        std::vector<RelayedIp> relayed_ips = {}, bool steering = false) {
    options.relayed_ips = std::move(relayed_ips);
    options.steering = steering;
    options.client_addresses = {ToTransportAddress(client)};
    options.trunk_addresses = {ToTransportAddress(trunk)};
    options.workers = workers;
    options.client_flows_max = 64;
    options.sessions_max = 48;
    options.remote_relays_max = 4;
    options.punt_queue_bytes = kPuntQueueBytesMin;
    options.socket_buffer_bytes = socket_buffer_bytes;
    options.trunk_mtu_bytes = 1'452;
    options.coalescing_us = 50;
    cells.reset(new CounterCell[(workers + 1) * kCounterRowCells]{});
    traffic.reset(new TrunkTraffic[workers * options.remote_relays_max]{});
    session_traffic.reset(new LegTraffic[workers * SessionTable::Slots(options.sessions_max)]{});
    options.session_traffic = session_traffic.get();
    options.counters = cells.get();
    options.traffic = traffic.get();
    notifier.call = [](void*) {};
    status = pool.Open(options, &notifier);
    controller = std::make_unique<Controller>(pool, options);
    if (!controller->Allocate(options).ok()) std::abort();
  }

  TransportAddress client_address() const { return pool.addresses(Side::kClient)[0]; }
  TransportAddress trunk_address() const { return pool.addresses(Side::kTrunk)[0]; }

  // Returns the sum of a counter over all workers.
  uint64_t Count(Counter counter) const {
    uint64_t sum = 0;
    for (uint32_t row = 0; row <= options.workers; ++row) {
      sum += cells[row * kCounterRowCells + static_cast<uint8_t>(counter)].Get();
    }
    return sum;
  }
  uint64_t Count(Verdict verdict) const {
    return Count(static_cast<Counter>(static_cast<uint8_t>(verdict)));
  }

  PlaneOptions options;
  std::unique_ptr<CounterCell[]> cells;
  std::unique_ptr<TrunkTraffic[]> traffic;
  std::unique_ptr<LegTraffic[]> session_traffic;
  Notifier notifier;
  WorkerPool pool;
  std::unique_ptr<Controller> controller;
  Status status;
};

// Waits until `done` returns true. ctest's timeout ends a test that waits forever.
inline void WaitFor(const std::function<bool()>& done) {
  while (!done()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace turnpike::test
