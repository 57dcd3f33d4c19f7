#include "io/worker_pool.h"

#include <errno.h>
#include <signal.h>
#include <sys/random.h>

#include <algorithm>
#include <string>
#include <utility>

#include "io/clock.h"

namespace turnpike {

namespace {

Status Pin(pthread_t thread, uint32_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  const int error = pthread_setaffinity_np(thread, sizeof(set), &set);
  if (error == 0) return {};
  const std::string what = "cannot pin a thread to CPU " + std::to_string(cpu);
  // EINVAL: the CPU does not exist or this process may not use it.
  if (error == EINVAL) {
    return Status{StatusCode::kOption, error, "cpus: " + what + ": this host has none for us", {}};
  }
  return Status::System(what, error);
}

}  // namespace

Status WorkerPool::Open(const PlaneOptions& options, Notifier* notifier) {
  Status status = MakeWorkers(options, notifier);
  // Opens all sockets of an address before any thread starts: the kernel spreads 5-tuples over the
  // existing sockets, so a later socket would move some to another worker.
  for (size_t i = 0; status.ok() && i < options.client_addresses.size(); ++i) {
    status = OpenAddress(Side::kClient, options.client_addresses[i], options);
  }
  for (size_t i = 0; status.ok() && i < options.trunk_addresses.size(); ++i) {
    status = OpenAddress(Side::kTrunk, options.trunk_addresses[i], options);
  }
  if (status.ok() && options.steering && !options.relayed_ips.empty()) {
    steering_status_ = OpenSteering(options);
  }
  if (status.ok()) status = StartThreads(options.cpus);
  if (!status.ok()) Close();
  return status;
}

Status WorkerPool::MakeWorkers(const PlaneOptions& options, Notifier* notifier) {
  SipKey hash_key;
  if (getrandom(&hash_key, sizeof(hash_key), 0) != sizeof(hash_key)) {
    return Status::System("cannot read random bytes", errno);
  }
  if (Status status = relay_hosts_.Allocate(hash_key); !status.ok()) return status;
  if (Status status = relayed_addresses_.Allocate(options.relayed_ips); !status.ok()) return status;
  if (Status status = buckets_.Allocate(kBandwidthBucketsMax); !status.ok()) {
    return status;
  }
  const uint64_t initial_sequence = NextInitialSequence();
  for (uint32_t i = 0; i < options.workers; ++i) {
    WorkerOptions worker{};
    worker.index = static_cast<uint8_t>(i);
    worker.workers = static_cast<uint8_t>(options.workers);
    worker.client_flows_max = options.client_flows_max;
    worker.sessions_max = options.sessions_max;
    worker.remote_relays_max = options.remote_relays_max;
    worker.punt_queue_bytes = options.punt_queue_bytes;
    worker.socket_buffer_bytes = options.socket_buffer_bytes;
    worker.trunk_mtu_bytes = options.trunk_mtu_bytes;
    worker.coalescing_us = options.coalescing_us;
    worker.busy_poll_us = options.busy_poll_us;
    worker.closed_indications_per_second =
        (options.closed_indications_per_second + options.workers - 1) / options.workers;
    worker.hash_key = hash_key;
    worker.initial_sequence = initial_sequence;
    worker.counters = options.counters + i * kCounterRowCells;
    worker.session_traffic =
        options.session_traffic + size_t{i} * SessionTable::Slots(options.sessions_max);
    worker.traffic = options.traffic + size_t{i} * options.remote_relays_max;
    worker.notifier = notifier;
    worker.relay_hosts = &relay_hosts_;
    worker.relayed_addresses = &relayed_addresses_;
    worker.buckets = &buckets_;
    workers_.push_back(std::make_unique<Worker>(worker));
    if (Status status = workers_.back()->Allocate(); !status.ok()) return status;
  }
  for (const std::unique_ptr<Worker>& worker : workers_) worker->SetWorkers(&workers_);
  return {};
}

Status WorkerPool::OpenAddress(Side side, const TransportAddress& address,
                               const PlaneOptions& options) {
  std::vector<TransportAddress>& addresses = addresses_[static_cast<size_t>(side)];
  const TransportHandle handle =
      TransportHandle::OfListener(side, static_cast<uint32_t>(addresses.size()));
  const auto give = [&](size_t worker, UdpSocket socket) {
    if (options.busy_poll_us > 0) socket.PreferBusyPoll(options.busy_poll_us);
    // Only what TURN relays keeps its class, and a report of it costs 15 % of a receive.
    if (side == Side::kClient && !options.relayed_ips.empty()) {
      if (Status status = socket.ReportTrafficClass(); !status.ok()) return status;
    }
    return workers_[worker]->AddListener(handle, std::move(socket));
  };
  UdpSocket first;
  Status status = first.OpenFirst(address, options.socket_buffer_bytes);
  if (status.ok() && workers_.size() > 1) status = first.AllowSharing();
  if (!status.ok()) return status;
  const TransportAddress bound = first.address();
  status = give(0, std::move(first));
  for (size_t i = 1; status.ok() && i < workers_.size(); ++i) {
    UdpSocket shared;
    status = shared.OpenShared(bound, options.socket_buffer_bytes);
    if (status.ok()) status = give(i, std::move(shared));
  }
  if (!status.ok()) return status;
  addresses.push_back(bound);
  return side == Side::kTrunk ? OpenLanes(handle, bound, options) : Status{};
}

Status WorkerPool::OpenLanes(TransportHandle trunk, const TransportAddress& bound,
                             const PlaneOptions& options) {
  std::vector<uint16_t>& ports = lane_ports_.emplace_back();
  // Each worker gets a lane, so that its traffic uses one receive queue. A registration lists at
  // most kTrunkSourcesMax sources; further workers send from the trunk address.
  const size_t lanes_max = kTrunkSourcesMax / options.trunk_addresses.size() - 1;
  for (size_t i = 0; workers_.size() > 1 && i < std::min(workers_.size(), lanes_max); ++i) {
    UdpSocket lane;
    if (Status status = lane.OpenLane(bound, options.socket_buffer_bytes); !status.ok()) {
      return status;
    }
    ports.push_back(lane.address().port);
    if (Status status = workers_[i]->AddLane(trunk, std::move(lane)); !status.ok()) return status;
  }
  return {};
}

Status WorkerPool::OpenSteering(const PlaneOptions& options) {
  std::vector<IpAddress> ips;
  for (const RelayedIp& ip : options.relayed_ips) ips.push_back(ip.bound);
  std::vector<IcmpSocket> icmp_sockets;
  std::vector<std::vector<UdpSocket>> shared(workers_.size());
  std::vector<PortSteering::SharedSocket> steered;
  Status status;
  for (const bool ipv6 : {false, true}) {
    const auto is_of_family = [&](const IpAddress& ip) { return ip.IsIpv4() != ipv6; };
    if (std::none_of(ips.begin(), ips.end(), is_of_family)) continue;
    if (status.ok()) status = icmp_sockets.emplace_back().Open(ipv6);
    for (size_t i = 0; status.ok() && i < workers_.size(); ++i) {
      UdpSocket& socket = shared[i].emplace_back();
      status = socket.OpenSteered(ipv6, options.socket_buffer_bytes);
      if (status.ok()) status = socket.ReportTrafficClass();
      if (options.busy_poll_us > 0) socket.PreferBusyPoll(options.busy_poll_us);
      steered.push_back({static_cast<uint8_t>(i), ipv6, socket.fd()});
    }
  }
  if (status.ok()) status = steering_.Open(ips, steered);
  for (size_t i = 0; i < workers_.size(); ++i) {
    for (UdpSocket& socket : shared[i]) {
      if (status.ok()) status = workers_[i]->AddSharedSocket(std::move(socket));
    }
  }
  for (IcmpSocket& socket : icmp_sockets) {
    if (status.ok()) status = workers_.front()->AddIcmpSocket(std::move(socket));
  }
  if (status.ok()) {
    for (const std::unique_ptr<Worker>& worker : workers_) worker->UseSteering(&steering_);
  } else {
    steering_.Close();
  }
  return status;
}

Status WorkerPool::StartThreads(const std::vector<uint32_t>& cpus) {
  // Workers block all signals, so that the main thread handles them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Status status;
  for (size_t i = 0; status.ok() && i < workers_.size(); ++i) {
    pthread_t thread;
    const int error = pthread_create(
        &thread, nullptr,
        [](void* worker) -> void* {
          static_cast<Worker*>(worker)->Run();
          return nullptr;
        },
        workers_[i].get());
    if (error != 0) status = Status::System("cannot start a thread", error);
    if (error != 0) break;
    pthread_setname_np(thread, ("turnpike-" + std::to_string(i)).c_str());
    threads_.push_back(thread);
    if (!cpus.empty()) status = Pin(thread, cpus[i % cpus.size()]);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status;
}

void WorkerPool::Close() {
  std::lock_guard<std::mutex> lock(close_mutex_);
  for (const std::unique_ptr<Worker>& worker : workers_) worker->Stop();
  for (pthread_t thread : threads_) pthread_join(thread, nullptr);
  threads_.clear();
  steering_.Close();
  workers_.clear();
}

}  // namespace turnpike
