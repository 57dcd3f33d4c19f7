// The fast path of a data plane. Forwards in the devices' drivers what the sockets would forward,
// and passes every other packet to them. All its state is also in the workers, so it can be closed
// at any time.
//
// Two threads use it under one lock. The controlling thread changes tables. The upkeep thread
// follows routes and neighbours, collects counters and changes keys at midnight UTC. A third one
// tells the BPF program the time. The program takes no lock of user space.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "io/fast_path.h"
#include "xdp/far_end.h"
#include "xdp/host/host_rules.h"
#include "xdp/program_clock.h"
#include "xdp/refresh_throttle.h"
#include "xdp/xdp_counters.h"
#include "xdp/xdp_tables.h"

namespace turnpike {

struct XdpOptions {
  // Names of the devices to attach to. The fast path sends through these devices only.
  std::vector<std::string> interfaces;
  // Whether generic XDP, which is slower, may be used on all devices if a driver has no XDP
  // support.
  bool generic_allowed = false;
  // Whether host rules that can only drop or delay packets also keep them off the fast path.
  bool strict = false;
  XdpSizes sizes;
  XdpAddresses addresses;
  // Initial sequence of the CPUs' lanes (PROTOCOL.md section 4).
  uint64_t initial_sequence = 0;
  // One row of counters, and one element of traffic per relay. Both outlive the plane and have no
  // other writer.
  CounterCell* counters = nullptr;
  TrunkTraffic* traffic = nullptr;
  // Traffic of legs, with no other writer: per flow of each worker, and per slot of a session.
  XdpLegs legs;
};

class XdpPlane : public FastPath {
 public:
  XdpPlane() = default;
  ~XdpPlane() override { Close(); }
  XdpPlane(const XdpPlane&) = delete;
  XdpPlane& operator=(const XdpPlane&) = delete;

  // Loads the program, attaches it to every device and starts the upkeep thread. On failure
  // everything is undone, and the status names what is missing: rights, a newer kernel, or driver
  // support. A program that is already attached to a device is never replaced. Call once.
  Status Open(const XdpOptions& options);

  // Detaches the program. Any thread, any number of times; the counters keep their values. The
  // kernel also detaches it when the process ends.
  void Close();

  SharedSequences shared_sequences() override { return tables_.shared_sequences(); }
  void AddRelayed(TransportHandle relayed, const TransportAddress& bound) override;
  void RemoveRelayed(TransportHandle relayed) override;
  BandwidthBuckets::Shared shared_buckets() override { return tables_.shared_buckets(); }
  void SetAnyBounded(bool any) override { tables_.SetAnyBounded(any); }
  uint32_t PutFlow(const FlowKey& key, const FlowAction& action, uint32_t slot,
                   Expiry expiry) override;
  void RefreshFlow(const FlowKey& key, Expiry expiry) override;
  void RemoveFlow(const FlowKey& key) override;
  void MoveFlow(const FlowKey& key, uint32_t slot) override;
  void CountFlow(const FlowKey& key) override;
  void ClearFlowTraffic(uint32_t slot) override;
  void PutSession(const SessionAction& action, Expiry expiry) override;
  void RefreshSession(uint32_t index, Expiry expiry) override;
  void RemoveSession(uint32_t index) override;
  void PutRemoteRelay(uint32_t relay_index, const RemoteRelay& relay) override;
  void RemoveRemoteRelay(uint32_t relay_index) override;

  // Whether the program is attached in generic mode.
  bool generic() const { return generic_; }
  // Returns the devices that the program is attached to now. A device that is removed and created
  // again is attached again.
  std::vector<std::string> AttachedDevices();
  // A device whose other end takes nothing that the program sends back through it, as far as known.
  struct DoubtfulDevice {
    std::string name;
    FarEnd far_end = FarEnd::kUnknown;
  };
  // Returns them; none in generic mode. They are looked at once a second.
  std::vector<DoubtfulDevice> DoubtfulDevices();
  // A host rule that affects packets of the sockets, and whether it keeps them off the fast path.
  struct HostFinding {
    Finding finding;
    bool leaves_out = false;
  };
  std::vector<HostFinding> HostFindings();
  // The loaded program. For tests.
  const tp_program& program() const { return program_; }

 private:
  struct Attached {
    std::string name;
    uint32_t ifindex = 0;
    int link = -1;
    bool present = true;
    // Host rules require that its packets go through the stack.
    bool left_out = false;
    FarEnd far_end = FarEnd::kTakes;
  };

  Status Load(const XdpOptions& options);
  // Attaches in driver mode. If a driver refuses and generic mode is allowed, attaches in generic
  // mode on all devices.
  Status AttachAll(const XdpOptions& options);
  // Attaches to all devices in one mode of XDP_FLAGS_*. If the kernel refuses, `error` receives its
  // errno.
  Status AttachIn(uint32_t mode, const std::vector<std::string>& interfaces, int* error);
  void Detach();
  uint32_t mode() const;
  void FillScope(const XdpAddresses& addresses);
  // Reads the host's rules if that is due. Called without the lock.
  void LookAtHost();
  // Attaches again if the name now belongs to another device. Returns false on failure.
  bool Follow(const Device& device, Attached* attached);
  Status StartUpkeep();
  // Whether the program is missing on a device that no rule leaves out.
  bool IsAnyAbsent() const;
  void RefreshDevices();
  void RefreshAddresses();
  // Looks at the other ends of the devices with the program.
  void LookAtFarEnds();
  void Upkeep();
  // One iteration of the upkeep thread: notifications, waiting destinations, and on `tick` periodic
  // work.
  void UpkeepTurn(bool tick);
  void BeginDay();
  void Collect();
  void Wake();

  tp_program program_{};
  bool generic_ = false;
  uint32_t relays_max_ = 0;
  NetlinkEvents events_;

  // Used by the upkeep thread only, once it runs.
  bool strict_ = false;
  HostRules host_rules_;
  HostScope scope_;

  // Guards the members below.
  std::mutex mutex_;
  std::vector<Attached> attached_;
  XdpTables tables_;
  XdpCounters counters_;
  RefreshThrottle refresh_throttle_;
  Findings findings_;
  FarEnds far_ends_;
  uint32_t ticks_ = 0;
  int today_ = -1;

  // Close may be called by two threads at once: by the controlling one and at the end of the
  // environment.
  std::mutex close_mutex_;
  int wake_fd_ = -1;
  std::atomic<bool> stop_{false};
  ProgramClock clock_;
  bool running_ = false;
  pthread_t thread_{};
};

}  // namespace turnpike
