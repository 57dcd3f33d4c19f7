// All workers of one data plane: opens the sockets, starts and stops the threads.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "io/worker.h"

namespace turnpike {

struct PlaneOptions {
  std::vector<TransportAddress> client_addresses;
  std::vector<TransportAddress> trunk_addresses;
  uint32_t workers = 1;
  uint32_t client_flows_max = 0;
  uint32_t sessions_max = 0;
  uint32_t trunk_peers_max = 0;
  uint32_t punt_queue_bytes = 0;
  uint32_t socket_buffer_bytes = 0;
  // PROTOCOL.md section 4: the longest bundle, and how long records wait for company at most.
  uint32_t trunk_mtu_bytes = 0;
  uint32_t coalescing_us = 0;
  // How long a worker asks its sockets again and again before it sleeps; 0: it sleeps at once.
  uint32_t busy_poll_us = 0;
  // Bare Closed indications to sources of data that met no flow, all workers together; 0: none.
  uint32_t closed_indications_per_second = 0;
  // CPUs that workers are pinned to, in turn; empty: the scheduler's choice.
  std::vector<uint32_t> cpus;
  // workers + 1 rows of kCounterRowCells, and workers × trunk_peers_max; both outlive the pool. The
  // binding has one more of each, for a fast path.
  CounterCell* counters = nullptr;
  TrunkTraffic* traffic = nullptr;
  // What went to each leg's peer: those of the first worker, the other workers' behind it.
  LegTraffic* session_traffic = nullptr;
};

class WorkerPool {
 public:
  WorkerPool() = default;
  ~WorkerPool() { Close(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Opens every socket of every worker, then starts the threads; on failure nothing stays open.
  // `notifier` outlives the pool. Call once.
  Status Open(const PlaneOptions& options, Notifier* notifier);

  // Stops the threads, waits for them and closes the sockets. Any thread, any number of times, but
  // nobody may use a worker any more.
  void Close();

  // Controlling thread writes, workers read.
  RelayHosts& relay_hosts() { return relay_hosts_; }
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  // The addresses bound on a side, with real ports.
  const std::vector<TransportAddress>& addresses(Side side) const {
    return addresses_[static_cast<size_t>(side)];
  }
  // The ports that trunk data leaves from, by trunk address.
  const std::vector<std::vector<uint16_t>>& lane_ports() const { return lane_ports_; }

 private:
  Status MakeWorkers(const PlaneOptions& options, Notifier* notifier);
  Status OpenAddress(Side side, const TransportAddress& address, const PlaneOptions& options);
  // Gives every worker a source port of its own for trunk data from an address that was bound.
  Status OpenLanes(TransportHandle trunk, const TransportAddress& bound,
                   const PlaneOptions& options);
  Status StartThreads(const std::vector<uint32_t>& cpus);

  RelayHosts relay_hosts_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<TransportAddress> addresses_[2];
  std::vector<std::vector<uint16_t>> lane_ports_;
  // A close off the main thread and the end of the environment may meet.
  std::mutex close_mutex_;
  std::vector<pthread_t> threads_;
};

}  // namespace turnpike
