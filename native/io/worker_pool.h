// All workers of one data plane. Opens the sockets, starts and stops the threads.
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
  // IP addresses of relayed endpoints between which datagrams are delivered without the kernel.
  std::vector<RelayedIp> relayed_ips;
  // Whether relayed endpoints of these addresses are steered to shared sockets, if that is
  // possible.
  bool steering = false;
  uint32_t workers = 1;
  uint32_t client_flows_max = 0;
  uint32_t sessions_max = 0;
  uint32_t remote_relays_max = 0;
  uint32_t punt_queue_bytes = 0;
  uint32_t socket_buffer_bytes = 0;
  // Maximum bundle size in bytes (PROTOCOL.md section 4), and maximum batching delay in µs, which
  // applies only under load.
  uint32_t trunk_mtu_bytes = 0;
  uint32_t coalescing_us = 0;
  // Time in µs for which a worker polls its sockets before it sleeps; 0 disables polling.
  uint32_t busy_poll_us = 0;
  // Bare Closed indications per second to sources of data without a flow, for all workers together;
  // 0 disables them.
  uint32_t closed_indications_per_second = 0;
  // CPUs that workers are pinned to, in turn; if empty, workers are not pinned.
  std::vector<uint32_t> cpus;
  // (workers + 1) × kCounterRowCells counters, and workers × remote_relays_max elements of traffic.
  // Both outlive the pool. The binding allocates one more row of each for a fast path.
  CounterCell* counters = nullptr;
  TrunkTraffic* traffic = nullptr;
  // Traffic to each leg's peer: the first worker's elements, then the other workers'.
  LegTraffic* session_traffic = nullptr;
};

class WorkerPool {
 public:
  WorkerPool() = default;
  ~WorkerPool() { Close(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Opens every socket of every worker, then starts the threads. On failure everything is closed.
  // `notifier` outlives the pool. Call once.
  Status Open(const PlaneOptions& options, Notifier* notifier);

  // Stops and joins the threads and closes the sockets. Any thread, any number of times; no worker
  // may be used afterwards.
  void Close();

  // Written by the controlling thread, read by workers.
  RelayHosts& relay_hosts() { return relay_hosts_; }
  const RelayedAddresses& relayed_addresses() const { return relayed_addresses_; }
  BandwidthBuckets& buckets() { return buckets_; }
  // Whether ports are steered now; and why not, if they were to be: kOk if there is no reason.
  bool steers() const { return steering_.IsAttached(); }
  bool lost_steering() const { return steering_.IsOpen() && !steers(); }
  const Status& steering_status() const { return steering_status_; }
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  // The bound addresses of a side, with the actual ports.
  const std::vector<TransportAddress>& addresses(Side side) const {
    return addresses_[static_cast<size_t>(side)];
  }
  // The source ports of trunk data, for each trunk address.
  const std::vector<std::vector<uint16_t>>& lane_ports() const { return lane_ports_; }

 private:
  Status MakeWorkers(const PlaneOptions& options, Notifier* notifier);
  Status OpenAddress(Side side, const TransportAddress& address, const PlaneOptions& options);
  // Gives every worker a source port of its own for trunk data from an address that was bound.
  Status OpenLanes(TransportHandle trunk, const TransportAddress& bound,
                   const PlaneOptions& options);
  // Opens what steers the ports of relayed addresses. On failure nothing of it is open, and the
  // sockets of the endpoints receive.
  Status OpenSteering(const PlaneOptions& options);
  Status StartThreads(const std::vector<uint32_t>& cpus);

  RelayHosts relay_hosts_;
  RelayedAddresses relayed_addresses_;
  BandwidthBuckets buckets_;
  // Outlives the workers.
  PortSteering steering_;
  Status steering_status_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<TransportAddress> addresses_[2];
  std::vector<std::vector<uint16_t>> lane_ports_;
  // A close off the main thread and the end of the environment may meet.
  std::mutex close_mutex_;
  std::vector<pthread_t> threads_;
};

}  // namespace turnpike
