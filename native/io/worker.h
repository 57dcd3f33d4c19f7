// One thread of the data plane: its sockets, its tables, its loop. Only what stands under
// "controlling thread" may be called from another thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "forward/bundler.h"
#include "forward/closed_indications.h"
#include "forward/forwarder.h"
#include "io/byte_ring.h"
#include "io/command_queue.h"
#include "io/counters.h"
#include "io/endpoint.h"
#include "io/punt_queue.h"
#include "io/receive_batch.h"
#include "io/receive_coalescer.h"
#include "io/report_ring.h"
#include "io/send_batch.h"

namespace turnpike {

// Buckets that bound the datagrams of unlisted ports that are handed up, by address of a relay.
inline constexpr uint32_t kUnlistedAddresses = 1'024;
// Bytes of datagrams that wait for a worker because another one has received what is to leave by
// its endpoints; as much from each other worker.
inline constexpr uint32_t kHandOverBytes = 256 * 1024;

// Tells the controlling thread that a punt ring has something, once until it looks.
struct Notifier {
  void (*call)(void* context) = nullptr;
  void* context = nullptr;
  std::atomic<bool> pending{false};

  void Notify() {
    if (!pending.exchange(true)) call(context);
  }
  // Controlling thread, before it drains.
  void Acknowledge() { pending.exchange(false); }
};

struct WorkerOptions {
  uint8_t index;
  uint8_t workers;
  uint32_t client_flows_max;
  uint32_t sessions_max;
  uint32_t trunk_peers_max;
  uint32_t punt_queue_bytes;
  uint32_t socket_buffer_bytes;
  uint32_t trunk_mtu_bytes;
  uint32_t coalescing_us;
  uint32_t busy_poll_us;
  uint32_t closed_indications_per_second;
  SipKey hash_key;
  uint64_t initial_sequence;
  // kCounterRowCells cells, one element for each relay, and one for each flow and for each place of
  // a session; all outlive the worker.
  CounterCell* counters;
  TrunkTraffic* traffic;
  LegTraffic* session_traffic;
  Notifier* notifier;
  // Outlives the worker.
  const RelayHosts* relay_hosts;
};

// The head of a control datagram in a worker's send queue, its bytes behind it. It leaves when
// every worker has applied as many commands as `barrier` says, so that no answer runs ahead of an
// entry that it announces.
struct ControlDatagram {
  std::array<uint64_t, kWorkersMax> barrier;
  FiveTuple path;
};

class Worker {
 public:
  explicit Worker(const WorkerOptions& options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Controlling thread, before the start: in this order.
  Status Allocate();
  Status AddListener(TransportHandle handle, UdpSocket socket);
  // The socket that trunk data leaves through in place of a trunk address's, so that it has a
  // source port of its own and its own receive queue at the other relay.
  Status AddLane(TransportHandle trunk, UdpSocket socket);
  // `workers` are all of the plane and outlive the run.
  void SetPeers(const std::vector<std::unique_ptr<Worker>>* workers) { workers_ = workers; }

  // The thread: loops until Stop.
  void Run();

  // Controlling thread.
  CommandQueue& commands() { return commands_; }
  ByteRing& control_sends() { return control_sends_; }
  PuntQueue& punts() { return punts_; }
  ReportRing& reports() { return reports_; }
  void WakeIfAsleep();
  void Stop();

  // Another worker, of that index: datagrams to leave by an endpoint of this one, each behind its
  // 5-tuple; then the word that there are some.
  ByteRing& handed_over_by(uint8_t worker) { return handed_over_[worker]; }
  void NoteHandedOverBy(uint8_t worker) {
    // Sequentially consistent, against the look before this worker sleeps.
    handed_over_by_.fetch_or(1u << worker, std::memory_order_seq_cst);
    WakeIfAsleep();
  }

  // Any thread: what came from the peer of a flow, by the number of its entry.
  const LegTraffic& flow_traffic(uint32_t number) const {
    return tables_.flows.ValueOf(number).traffic;
  }

  // Any thread: commands carried out since the start.
  uint64_t applied() const { return applied_.load(std::memory_order_acquire); }

 private:
  enum class Progress : uint8_t { kDone, kMore, kHeld };

  // After the loop: what was asked before the stop is still carried out and said.
  void Finish();

  Progress ApplyCommands();
  void Apply(Command& command);
  void ApplyPutFlow(const Command& command);
  void ApplyPutSession(const Command& command);
  void SendProbe(const Command& command);
  // Through `endpoint`, unfragmented, and counts what became of it.
  void SendUnfragmented(Endpoint& endpoint, const Outgoing& outgoing);
  // Has epoll tell when there is something to read.
  bool Watch(Endpoint& endpoint);
  // The endpoint of a handle, or null where it is closed.
  Endpoint* EndpointOf(TransportHandle handle) const {
    Endpoint* const endpoint = endpoints_[handle.id()].get();
    return endpoint != nullptr && endpoint->handle == handle ? endpoint : nullptr;
  }
  void OpenEndpoint(const Command& command);
  void CloseEndpoint(const Command& command);
  // Says what errors came to what an endpoint has sent; ends it where its socket is of no use.
  void HandleTrouble(Endpoint& endpoint, uint32_t events);
  void ReportIcmpErrors(Endpoint& endpoint);
  // Takes an endpoint out of service that nobody has asked to close; ReportEnded closes it.
  void End(Endpoint& endpoint, int error_number);
  void ReportEnded();
  // Receives again where a call has told an error in place of what waits.
  ReceiveBatch::Result ReceiveAfterError(Endpoint& endpoint);
  // For a datagram whose endpoint is not among ours: another worker's, or closed.
  void PassOn(const Outgoing& outgoing);
  void WakeHandedOver();
  Progress SendHandedOver();
  Progress SendHandedOverBy(uint8_t worker);
  void NotifyIfDue();
  Progress SendControl();
  bool Reached(const std::array<uint64_t, kWorkersMax>& barrier) const;
  // Until a socket may have something: asks, pauses or sleeps.
  void Wait(int timeout_ms);
  void Sleep(int timeout_ms);
  void Pause(uint64_t pause_ns);
  // Asks for `busy_poll_us` before it would sleep; whether something came.
  bool SpinUntilReadable();
  // Returns whether something came; commands that only wake the worker do not count.
  bool PollOnce(int timeout_ms);
  void Receive(Endpoint& endpoint);
  void CountDrops(Endpoint& endpoint, const Now& now);
  void ForwardClientChunk(uint32_t count, const Now& now);
  void ForwardTrunkChunk(uint32_t count, const Now& now);
  void ForwardRecords(OpenedTrunk& opened, const Now& now);
  void QueueRecord(const TrunkRecord& record, const Now& now);
  // Bundles leave when the sockets are empty, or when the oldest has waited long enough.
  void CloseBundlesIfDue(const Now& now);
  void CloseBundles();
  // Tells the sender of data that met no flow so, where that is allowed.
  void SendClosedIndication(const Packet& packet, const Now& now);
  void Punt(Side side, const Packet& packet, Verdict verdict);
  // Where a datagram waits: a relay's host counts as a relay on either side, as relays check each
  // other's service addresses.
  PuntClass ClassOf(Side side, const FiveTuple& tuple);
  // Hands up, within a budget, a trunk datagram from an unregistered port of a relay's address.
  void PuntUnlisted(const Packet& packet, const Now& now);
  void ReportProbeReply(const OpenedTrunk& opened, const FiveTuple& from);
  void ReportUnboundIndex(uint32_t relay_index, uint32_t session_index);
  void ReportEvent(const PuntedEvent& event);
  void Queue(SendSocket& through, const Outgoing& outgoing);
  void QueueData(const Outgoing& outgoing);
  void QueueBundle(const Outgoing& outgoing);
  void FlushSends();

  struct Nothing {};

  const WorkerOptions options_;
  CounterRow counters_;
  Tables tables_;
  // Peers that are proven: their requests do not wait behind strangers'.
  FixedTable<FiveTuple, Nothing> known_clients_;
  TrunkAuthenticator authenticator_;
  TrunkAuthenticator path_probe_authenticator_;
  Forwarder forwarder_;
  Bundler bundler_;
  ClosedIndications closed_indications_;
  ReceiveCoalescer coalescer_;
  ReceiveBatch batch_;
  // What waits to leave, through all sockets.
  SendBatch sends_;
  std::array<ClientLookup, kChunkPackets> lookups_;
  // Set by a pause for the turn after it: when it began, so what is read then is no older.
  uint64_t paused_since_ns_ = 0;
  // Read since the sockets were last empty.
  uint32_t messages_since_empty_ = 0;

  // By the id of the handle; null where there is none.
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::vector<std::unique_ptr<Endpoint>> lanes_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  ReadableEndpoints readable_;
  uint32_t turns_since_poll_ = 0;
  // Something waits for the controlling thread that was not told of it.
  bool punted_ = false;
  // Endpoints that ended, until that is reported.
  std::vector<TransportHandle> ended_;
  RateLimiter icmp_errors_;
  // Workers that were handed something and do not know, a bit each.
  uint32_t handed_over_to_ = 0;
  // Budgets for datagrams of unlisted ports, by the address that they come from.
  MappedArray<RateLimiter> unlisted_;
  // A path probe; made when the first one is sent.
  std::unique_ptr<uint8_t[]> probe_;

  CommandQueue commands_;
  ByteRing control_sends_;
  PuntQueue punts_;
  ReportRing reports_;
  // By the worker that hands over; this one's own is not used.
  std::unique_ptr<ByteRing[]> handed_over_;
  const std::vector<std::unique_ptr<Worker>>* workers_ = nullptr;

  // Written by this thread, read by all; on a line of their own.
  alignas(64) std::atomic<uint64_t> applied_{0};
  std::atomic<bool> asleep_{false};
  // Written by the controlling thread.
  std::atomic<bool> stop_{false};
  // Written by other workers: which of them have handed over something, a bit each.
  alignas(64) std::atomic<uint32_t> handed_over_by_{0};
};

}  // namespace turnpike
