// A worker: one thread of the data plane with its sockets, tables and loop. Other threads may call
// only the methods marked "controlling thread", "another worker" or "any thread".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "forward/allocation_forwarder.h"
#include "forward/bare_closed_indications.h"
#include "forward/bundler.h"
#include "forward/forwarder.h"
#include "io/byte_ring.h"
#include "io/command_queue.h"
#include "io/counters.h"
#include "io/early_data.h"
#include "io/endpoint.h"
#include "io/icmp_socket.h"
#include "io/punt_queue.h"
#include "io/receive_batch.h"
#include "io/receive_coalescer.h"
#include "io/report_ring.h"
#include "io/send_batch.h"
#include "steering/port_steering.h"
#include "table/relayed_addresses.h"

namespace turnpike {

// Number of rate limiters for punted datagrams from unregistered ports of relays' addresses.
inline constexpr uint32_t kUnregisteredAddresses = 1'024;
// Bytes of datagrams waiting in a worker that another worker received for one of its endpoints; per
// sending worker. Twice kBatchBytesHigh, the size of a large batch of that worker.
inline constexpr uint32_t kHandOverBytes = 1u << 20;

// Notifies the controlling thread that a worker has something to drain, once until Acknowledge.
struct Notifier {
  void (*call)(void* context) = nullptr;
  void* context = nullptr;
  std::atomic<bool> pending{false};

  void Notify() {
    if (!pending.exchange(true)) call(context);
  }
  // Controlling thread: call before draining.
  void Acknowledge() { pending.exchange(false); }
};

struct WorkerOptions {
  uint8_t index;
  uint8_t workers;
  uint32_t client_flows_max;
  uint32_t sessions_max;
  uint32_t remote_relays_max;
  uint32_t punt_queue_bytes;
  uint32_t socket_buffer_bytes;
  uint32_t trunk_mtu_bytes;
  uint32_t coalescing_us;
  uint32_t busy_poll_us;
  uint32_t closed_indications_per_second;
  SipKey hash_key;
  uint64_t initial_sequence;
  // One row of counters, one element per relay, and one element per slot of a session. All outlive
  // the worker.
  CounterCell* counters;
  TrunkTraffic* traffic;
  LegTraffic* session_traffic;
  Notifier* notifier;
  // Both outlive the worker.
  const RelayHosts* relay_hosts;
  RelayedAddresses* relayed_addresses;
  BandwidthBuckets* buckets;
};

// Header of a control datagram in a worker's send queue; its bytes follow. The datagram is sent
// when every worker has executed as many commands as `barrier` says, so that a response never
// precedes an entry that it announces.
struct ControlDatagram {
  std::array<uint64_t, kWorkersMax> barrier;
  FiveTuple path;
};

// What a worker does with a datagram that another one has handed over: sends it by the endpoint of
// its path; delivers it from that endpoint to the peer, which is a relayed address of the plane;
// handles it as received by that endpoint from the peer; reports it: an IcmpError about that
// endpoint; or handles it as received from the client of its path.
enum class HandOver : uint8_t { kSend, kDeliver, kArrive, kIcmpError, kFromClient };

// Header of a datagram that was handed over; its bytes follow.
struct HandedOver {
  FiveTuple path;
  HandOver kind;
  // kDeliver: as in Outgoing.
  uint8_t relayed_number;
  // As in Outgoing.
  uint8_t traffic_class;
};

class Worker {
 public:
  explicit Worker(const WorkerOptions& options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Controlling thread, before Run and in this order.
  Status Allocate();
  Status AddListener(TransportHandle handle, UdpSocket socket);
  // Adds the socket that sends trunk data in place of a trunk address's socket. With its own source
  // port the data has its own receive queue at the other relay.
  Status AddLane(TransportHandle trunk, UdpSocket socket);
  // Adds a socket of UdpSocket::OpenSteered; one of each family at most.
  Status AddSharedSocket(UdpSocket socket);
  // Makes this worker the one that takes ICMP errors of a family about steered endpoints.
  Status AddIcmpSocket(IcmpSocket socket);
  // Has `steering`, which outlives the worker, bring what relayed endpoints receive to the shared
  // sockets.
  void UseSteering(PortSteering* steering) { steering_ = steering; }
  // `workers` are all workers of the plane and outlive Run.
  void SetWorkers(const std::vector<std::unique_ptr<Worker>>* workers) { workers_ = workers; }

  // The thread's function: loops until Stop.
  void Run();

  // Controlling thread.
  CommandQueue& commands() { return commands_; }
  ByteRing& control_sends() { return control_sends_; }
  PuntQueue& punts() { return punts_; }
  ReportRing& reports() { return reports_; }
  void WakeIfAsleep();
  void Stop();

  // Another worker, with index `worker`: queues datagrams for endpoints of this worker, each after
  // its header, then notes that there are some.
  ByteRing& handed_over_by(uint8_t worker) { return handed_over_[worker]; }
  void NoteHandedOverBy(uint8_t worker) {
    // Sequentially consistent: pairs with the check that this worker makes before it sleeps.
    handed_over_by_.fetch_or(1u << worker, std::memory_order_seq_cst);
    WakeIfAsleep();
  }

  // Any thread: a flow by the number of its entry, of which only the counters may be read.
  const Flow& flow(uint32_t number) const { return tables_.flows.ValueOf(number); }

  // Any thread: number of commands executed since the start.
  uint64_t applied() const { return applied_.load(std::memory_order_acquire); }

 private:
  enum class Progress : uint8_t { kDone, kMore, kHeld };

  // Executes the remaining commands and sends the remaining control datagrams after the loop.
  void Finish();

  Progress ApplyCommands();
  void Apply(Command& command);
  void ApplyPutFlow(const Command& command);
  void ApplyPutSession(const Command& command);
  void SendProbe(const Command& command);
  // Sends a datagram through `endpoint` at once and unfragmented, and counts the result: a probe,
  // and one that a client wants unfragmented.
  void SendProbeUnfragmented(Endpoint& endpoint, const Outgoing& outgoing);
  void SendDataUnfragmented(Endpoint& endpoint, const Outgoing& outgoing);
  // Adds an endpoint to epoll.
  bool Watch(Endpoint& endpoint) { return Watch(endpoint.socket.fd(), &endpoint); }
  // Adds a descriptor to epoll, with the pointer that its events have.
  bool Watch(int fd, void* pointer);
  // Stops reading an endpoint.
  void Unwatch(Endpoint& endpoint);
  // Returns the endpoint of a handle, or null if it is closed.
  Endpoint* EndpointOf(TransportHandle handle) const {
    Endpoint* const endpoint = endpoints_[handle.id()].get();
    return endpoint != nullptr && endpoint->handle == handle ? endpoint : nullptr;
  }
  void OpenEndpoint(const Command& command);
  // Adds a relayed endpoint to the plane's relayed addresses, if its IP address is one of them, and
  // has it steered where that is possible.
  void Publish(Endpoint& endpoint);
  // Reverts Publish.
  void Withdraw(Endpoint& endpoint);
  void Steer(Endpoint& endpoint);
  void StopSteering(Endpoint& endpoint);
  void CloseEndpoint(const Command& command);
  // Reports ICMP errors for datagrams of an endpoint, and ends the endpoint if its socket has
  // failed.
  void HandleTrouble(Endpoint& endpoint, uint32_t events);
  void ReportIcmpErrors(Endpoint& endpoint);
  void ReportIcmpError(Endpoint& endpoint, const IcmpError& error, uint64_t now_ns);
  // Returns the raw socket that an event of epoll is about, or null.
  const IcmpSocket* IcmpSocketOf(const void* pointer) const;
  // Reports the ICMP errors about steered endpoints, or hands them over to their workers.
  void TakeIcmpErrors(const IcmpSocket& socket);
  // Reports the IcmpError that `about` has, if the endpoint is steered.
  void TakeIcmpError(Endpoint& endpoint, const Outgoing& about, const Now& now);
  // Gives what a shared socket received to its endpoints.
  void AssignReceived();
  // Stops steering endpoints that crowd the receive buffer of a shared socket.
  void RelieveShared(Endpoint& shared, ReceiveBatch::Result result, const Now& now);
  // Stops using an endpoint whose socket failed; ReportEnded closes it.
  void End(Endpoint& endpoint, int error_number);
  void ReportEnded();
  // Closes an endpoint's socket and frees it. Nothing may wait to be sent through it.
  void Forget(Endpoint& endpoint);
  // Receives again after a call returned an ICMP error instead of datagrams.
  ReceiveBatch::Result ReceiveAfterError(Endpoint& endpoint);
  // Handles a datagram whose endpoint is not this worker's: passes it to the owner, or counts it if
  // the endpoint is closed.
  void PassOn(HandOver kind, const Outgoing& outgoing);
  // Queues a datagram for another worker, or counts it if that has no room.
  void HandTo(uint8_t worker, const HandedOver& header, const uint8_t* data, uint32_t length);
  void WakeHandedOver();
  Progress SendHandedOver();
  Progress SendHandedOverBy(uint8_t worker);
  // Queues or delivers a datagram that another worker handed over.
  void TakeOver(const ByteRing::Record& record, const Now& now);
  void NotifyIfDue();
  Progress SendControl();
  bool Reached(const std::array<uint64_t, kWorkersMax>& barrier) const;
  // Does what waits in the queues of other threads, then serves early data: after each wait, before
  // anything is received. So a datagram that arrived after a command was queued meets the command's
  // effect, also if the datagram woke this thread before the command did, and overtakes nothing
  // that was held for want of the command's entry. Returns kMore if work is left, kHeld if control
  // datagrams wait for other workers.
  Progress ServeQueues();
  // Waits until a socket may be readable: polls, pauses or sleeps, as the progress of the queues
  // allows.
  void Wait(Progress progress);
  // `held` tells that control datagrams that wait need not wake it before.
  void Sleep(int timeout_ms, bool held);
  void Pause(uint64_t pause_ns);
  // Polls for up to `busy_poll_us` before a sleep. Returns whether a socket became readable.
  bool SpinUntilReadable();
  // Returns whether a socket is readable; commands that only wake the worker do not count.
  bool PollOnce(int timeout_ms);
  void Receive(Endpoint& endpoint);
  void CountDrops(Endpoint& endpoint, const Now& now);
  void ForwardClientChunk(uint32_t count, const Now& now);
  // Counts ChannelData by its verdict, and queues what becomes of it.
  void QueueFromClient(Verdict verdict, const ClientResult& result, const Now& now);
  // Forwards a Send indication with its allocation's flow, or null. Counts it only if it leaves.
  Verdict ForwardSend(const Packet& packet, const SendIndication& send, Flow* flow, const Now& now);
  // Forwards a client's datagram that comes alone, and counts it unless it meets no entry or is a
  // request. Returns its verdict.
  Verdict ForwardLoneClient(const Packet& packet, const Now& now);
  // Handles a datagram that has met no entry of its 5-tuple, or a request, if its client has moved
  // to that 5-tuple: passes it to the worker of the client's flows, or forwards it as the client's
  // other 5-tuple's. Returns false if it is to be handled as any other.
  bool ForwardMoved(const Packet& packet, Verdict verdict, const Now& now) {
    return moved_clients_ > 0 && ForwardMovedTo(packet, verdict, now);
  }
  bool ForwardMovedTo(const Packet& packet, Verdict verdict, const Now& now);
  // Forwards data as that of the 5-tuple from which its client has moved, and reports the first
  // such datagram.
  void ForwardAsBefore(const Packet& packet, Flow& moved, const Now& now);
  // Handles a datagram of a moved client that another worker handed over.
  void TakeFromClient(const Packet& packet, const Now& now);
  // Queues a datagram to a peer, over the trunk if another relay has bound the peer; delivers it if
  // the peer is a relayed address of the plane.
  void QueueToPeer(const Outgoing& outgoing, const Now& now);
  // Queues a datagram to a peer as a trunk record. Returns false if it leaves as bare UDP.
  bool QueueToTrunkPeer(const Outgoing& outgoing, const Now& now);
  // Delivers a datagram from the endpoint of its path to the peer's, a relayed address of the
  // plane. The peer's address may be the advertised one; the datagram comes from the advertised
  // one.
  void Deliver(const Outgoing& outgoing, const Now& now);
  // Handles a datagram that the endpoint of its path, one of this worker, gets from its peer.
  void Arrive(const Outgoing& arriving, const Now& now);
  void ForwardRelayedChunk(uint32_t count, const Now& now);
  // Queues a peer's datagram for its client.
  void QueueToClient(const Packet& packet, const Flow& flow);
  // Counts a datagram of a client or a peer that is dropped; holds it instead if it is early.
  // Returns whether it is dropped.
  bool DropUnlessEarly(EarlyData::From from, const Packet& packet, Verdict verdict, const Now& now);
  // Notes that a request of an allocation's client was handed up, and that it is answered, if it is
  // for a permission or a channel.
  void AwaitAnswer(const Packet& packet);
  void NoteAnswer(const FiveTuple& client, const uint8_t* message, uint32_t length);
  // Sends the early data that has an entry now, and drops what is due. `newer` as in EarlyData.
  void ServeEarlyData(const Now& now, TransportHandle newer = TransportHandle());
  // Queues early data. Returns false if it still meets no entry.
  bool ForwardEarly(EarlyData::From from, const Packet& packet, const Now& now);
  // Returns the time in ms until early data is due; -1 if there is none.
  int EarlyDataDueMs() const;
  void ForwardTrunkChunk(uint32_t count, const Now& now);
  void ForwardRecords(OpenedTrunk& opened, const Now& now);
  // Handles a record that a relayed endpoint gets from a peer behind another relay.
  void ArriveByTrunk(const Outgoing& arriving, const Now& now);
  void QueueRecord(const TrunkRecord& record, const Now& now);
  // Closes bundles if the sockets are empty or the oldest bundle has waited for the coalescing
  // time.
  void CloseBundlesIfDue(const Now& now);
  void CloseBundles();
  // Whether a client has an allocation, also one that has just expired.
  bool HasAllocation(const FiveTuple& client);
  // Sends a Closed indication for data without a flow, if that is allowed.
  void SendClosedIndication(const Packet& packet, const Now& now);
  void Punt(Side side, const Packet& packet, Verdict verdict);
  // Returns the punt queue of a datagram. On the client side: known for known clients, else
  // strangers. On the trunk side: relays for registered sources, known for other addresses of
  // relays (the responses to checks of service addresses), else strangers.
  PuntClass ClassOf(Side side, const FiveTuple& tuple);
  // Punts a trunk datagram from an unregistered port of a relay's address, within a budget.
  void PuntUnregistered(const Packet& packet, const Now& now);
  void ReportProbeReply(const OpenedTrunk& opened, const FiveTuple& from);
  void ReportUnboundIndex(uint32_t relay_index, uint32_t session_index);
  // Returns whether there was room for it.
  bool ReportEvent(const PuntedEvent& event);
  void Queue(SendSocket& through, const Outgoing& outgoing);
  void QueueData(const Outgoing& outgoing);
  void QueueBundle(const Outgoing& outgoing);
  void FlushSends();

  struct Nothing {};

  const WorkerOptions options_;
  CounterRow counters_;
  Tables tables_;
  // Known clients: their requests do not wait behind strangers'.
  FixedTable<FiveTuple, Nothing> known_clients_;
  TrunkAuthenticator authenticator_;
  TrunkAuthenticator path_probe_authenticator_;
  Forwarder forwarder_;
  AllocationForwarder allocation_forwarder_;
  Bundler bundler_;
  BareClosedIndications closed_indications_;
  EarlyData early_;
  ReceiveCoalescer coalescer_;
  ReceiveBatch batch_;
  // Datagrams to send, through all sockets.
  SendBatch sends_;
  std::array<ClientLookup, kChunkPackets> lookups_;
  std::array<PeerLookup, kChunkPackets> peer_lookups_;
  // Start of the last pause: datagrams read after it are no older than this.
  uint64_t paused_since_ns_ = 0;
  // Messages read since the sockets were last empty.
  uint32_t messages_since_empty_ = 0;

  // Indexed by the id of the handle; null if there is none.
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::vector<std::unique_ptr<Endpoint>> lanes_;
  // Null if ports are not steered.
  PortSteering* steering_ = nullptr;
  // The shared sockets, and the raw ones of the worker that has them.
  std::vector<std::unique_ptr<Endpoint>> shared_;
  std::vector<std::unique_ptr<IcmpSocket>> icmp_sockets_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  ReadableEndpoints readable_;
  uint32_t turns_since_poll_ = 0;
  // Whether something waits for the controlling thread that it was not notified of.
  bool punted_ = false;
  // Endpoints that ended and are not reported yet.
  std::vector<TransportHandle> ended_;
  RateLimiter icmp_errors_;
  // Number of flows of MovedKey.
  uint32_t moved_clients_ = 0;
  // Workers, one bit each, that were handed datagrams and are not notified yet.
  uint32_t handed_over_to_ = 0;
  // Rate limiters for datagrams from unregistered ports, by their IP address.
  MappedArray<RateLimiter> unregistered_;
  // Buffer of a path probe, allocated when the first one is sent.
  std::unique_ptr<uint8_t[]> probe_;

  CommandQueue commands_;
  ByteRing control_sends_;
  PuntQueue punts_;
  ReportRing reports_;
  // Indexed by the sending worker; this worker's own is unused.
  std::unique_ptr<ByteRing[]> handed_over_;
  const std::vector<std::unique_ptr<Worker>>* workers_ = nullptr;

  // Written by this thread, read by all; in a separate cache line.
  alignas(64) std::atomic<uint64_t> applied_{0};
  std::atomic<bool> asleep_{false};
  // Written by the controlling thread.
  std::atomic<bool> stop_{false};
  // Written by other workers: one bit for each that has handed over datagrams.
  alignas(64) std::atomic<uint32_t> handed_over_by_{0};
};

}  // namespace turnpike
