// The fast path of a data plane: forwards in the devices' drivers what the sockets would forward,
// and lets everything else up to them. It holds no state that the sockets lack, so it may go at any
// time.
//
// Two threads use it under one lock: the controlling thread changes tables, the upkeep thread
// follows routes and neighbours, collects counters and begins new days. The program itself takes no
// notice of either.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "io/fast_path.h"
#include "xdp/host/host_rules.h"
#include "xdp/refresh_throttle.h"
#include "xdp/xdp_counters.h"
#include "xdp/xdp_tables.h"

namespace turnpike {

struct XdpOptions {
  // The devices by name; nothing is attached to any other, and nothing leaves through one.
  std::vector<std::string> interfaces;
  // Whether the kernel's slow emulation will do, for all of them, where a driver knows no XDP.
  bool generic_allowed = false;
  // Whether rules that may only drop or delay packets keep them off the fast path, too.
  bool strict = false;
  XdpSizes sizes;
  XdpAddresses addresses;
  // Where the CPUs' lanes start (PROTOCOL.md section 4).
  uint64_t initial_sequence = 0;
  // A row and an element for each relay, written by nobody else; both outlive the plane.
  CounterCell* counters = nullptr;
  TrunkTraffic* traffic = nullptr;
  // What legs carry, written by nobody else: for each worker's flow, and for each session's place.
  XdpLegs legs;
};

class XdpPlane : public FastPath {
 public:
  XdpPlane() = default;
  ~XdpPlane() override { Close(); }
  XdpPlane(const XdpPlane&) = delete;
  XdpPlane& operator=(const XdpPlane&) = delete;

  // Loads the program, attaches it to every device and starts the upkeep. On failure nothing stays
  // behind, and the status says in one line what is missing: rights, a newer kernel, a driver. A
  // program that is attached already is never replaced. Call once.
  Status Open(const XdpOptions& options);

  // Detaches. Any thread, any number of times; the cells stay. The kernel does the same when the
  // process dies.
  void Close();

  SharedSequences shared_sequences() override { return tables_.shared_sequences(); }
  uint32_t PutFlow(const FlowKey& key, const FlowAction& action, uint32_t place,
                   Expiry expiry) override;
  void RefreshFlow(const FlowKey& key, Expiry expiry) override;
  void RemoveFlow(const FlowKey& key) override;
  void PutSession(const SessionAction& action, Expiry expiry) override;
  void RefreshSession(uint32_t index, Expiry expiry) override;
  void RemoveSession(uint32_t index) override;
  void PutPeer(uint32_t relay_index, const TrunkPeer& peer) override;
  void RemovePeer(uint32_t relay_index) override;

  // Whether the devices have the program only by the kernel's emulation.
  bool generic() const { return generic_; }
  // The devices that have the program now. One that goes and comes back gets it again.
  std::vector<std::string> AttachedDevices();
  // What the host's rules are found to do to packets of the sockets, and whether it keeps them off
  // the fast path.
  struct HostFinding {
    Finding finding;
    bool leaves_out = false;
  };
  std::vector<HostFinding> HostFindings();
  // The loaded program; for tests.
  const tp_program& program() const { return program_; }

 private:
  struct Attached {
    std::string name;
    uint32_t ifindex = 0;
    int link = -1;
    bool present = true;
    // Its packets are the stack's, as the host's rules have it.
    bool left_out = false;
  };

  Status Load(const XdpOptions& options);
  // In the drivers or, where one of them refuses and it is allowed, by the emulation everywhere.
  Status AttachAll(const XdpOptions& options);
  // In one mode of XDP_FLAGS_*. `error` is the kernel's, where it refused.
  Status AttachIn(uint32_t mode, const std::vector<std::string>& interfaces, int* error);
  void Detach();
  uint32_t mode() const;
  void FillScope(const XdpAddresses& addresses);
  // Looks at the host's rules where it is time to; the lock is not held.
  void LookAtHost();
  // Attaches again where the name is another device's by now. False if that cannot be done.
  bool Follow(const Device& device, Attached* attached);
  Status StartUpkeep();
  void RefreshDevices();
  void RefreshAddresses();
  void Upkeep();
  // One turn: what has changed, what waits to be resolved, and what is due now and then.
  void UpkeepTurn(bool tick);
  void BeginDay();
  void Collect();
  void Wake();

  tp_program program_{};
  bool generic_ = false;
  uint32_t relays_max_ = 0;
  NetlinkEvents events_;

  // The upkeep thread's, once it runs.
  bool strict_ = false;
  HostRules host_rules_;
  HostScope scope_;

  // Guards what follows.
  std::mutex mutex_;
  std::vector<Attached> attached_;
  XdpTables tables_;
  XdpCounters counters_;
  RefreshThrottle refresh_throttle_;
  Findings findings_;
  uint32_t ticks_ = 0;
  int today_ = -1;

  // A close off the main thread and the end of the environment may meet.
  std::mutex close_mutex_;
  int wake_fd_ = -1;
  std::atomic<bool> stop_{false};
  bool running_ = false;
  pthread_t thread_{};
};

}  // namespace turnpike
