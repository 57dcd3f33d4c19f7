// The controlling thread's side of a data plane: validates requests, tracks the contents of the
// workers' tables, and queues commands to the workers. Used by one thread.
//
// Tracking the tables' sizes lets a put fail at once when a table is full. A put that is accepted
// here never fails in a worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "io/counters.h"
#include "io/endpoint_records.h"
#include "io/fast_path.h"
#include "io/flow_records.h"
#include "io/worker_pool.h"

namespace turnpike {

// A relay as described by the caller.
struct RemoteRelaySpec {
  FiveTuple path;
  std::vector<TransportAddress> sources;
  TrunkKeyring<kSendKeysMax> send_keys;
  TrunkKeyring<kReceiveKeysMax> receive_keys;
  uint32_t records_max = 1;
  // As in RemoteRelay. A bundle size of 0 selects the plane's.
  uint8_t lane_offset = 0;
  uint32_t bundle_bytes_max = 0;
  uint32_t lanes_closed = 0;
  std::vector<TrunkPath> paths;
};

// A probe on a path that may differ from the relay's.
struct ProbeSpec {
  FiveTuple path;
  // Length in bytes of a path probe with padding; 0 for a plain probe.
  uint16_t bytes = 0;
  // The worker from whose own port it leaves; if none, it leaves from the trunk address.
  std::optional<uint32_t> worker;
};

// Commands and datagrams that are queued for one worker while wakes are held, before it is woken
// all the same. Well below kCommandsPerTurn, so that a worker that datagrams wake meanwhile can
// execute all commands that wait before it reads those.
inline constexpr uint32_t kHeldMax = 256;

class Controller {
 public:
  // `pool` is open and outlives the controller.
  Controller(WorkerPool& pool, const PlaneOptions& options);

  // Must succeed before any other call.
  Status Allocate(const PlaneOptions& options);

  // Passes all later puts and removals to `fast_path` too. Call before the first put. `fast_path`
  // outlives the controller's last call.
  void UseFastPath(FastPath* fast_path);

  // Puts a flow of a client or a peer in one worker, or in all with kEveryWorker, if it is not
  // known which worker will receive the 5-tuple. Either all of them accept it or none. It expires
  // after `lifetime_seconds`; 0 means never.
  StatusCode PutClientFlow(uint32_t worker, const FlowKey& key, FlowAction action,
                           uint32_t lifetime_seconds = 0);
  // Changes the lifetime, counted from now, and nothing else. Does nothing if there is no such
  // flow.
  StatusCode RefreshClientFlow(uint32_t worker, const FlowKey& key, uint32_t lifetime_seconds);
  StatusCode RemoveClientFlow(uint32_t worker, const FlowKey& key);
  // Finds the number of a flow's traffic counters in a worker. Returns false if there is no such
  // flow.
  bool FlowNumber(uint32_t worker, const FlowKey& key, uint32_t* number);
  // Returns a flow by that number, of which only the counters may be read; null if the number is
  // out of range.
  const Flow* FlowCounters(uint32_t worker, uint32_t number) const;
  // Sets the bytes per second of a bucket of flows; 0 takes its bound away and fills it.
  StatusCode SetBandwidth(uint32_t bucket, uint64_t bytes_per_second);
  // Lifetimes as for a flow.
  StatusCode PutSession(uint32_t index, SessionAction action, uint32_t lifetime_seconds = 0);
  StatusCode RefreshSession(uint32_t index, uint32_t lifetime_seconds);
  StatusCode RemoveSession(uint32_t index);
  StatusCode PutRemoteRelay(uint32_t relay_index, const RemoteRelaySpec& spec);
  StatusCode RemoveRemoteRelay(uint32_t relay_index);
  // Sends a plain probe on the relay's path, or the probe that `spec` describes.
  StatusCode Probe(uint32_t relay_index, uint32_t number, const ProbeSpec* spec);
  // Sends a datagram after all workers have executed the commands queued until now. It leaves by
  // `worker`, or with kEveryWorker by one that the destination decides, unless its socket is an
  // endpoint, whose own worker sends it.
  StatusCode Send(Side side, uint32_t worker, const FiveTuple& path, const uint8_t* data,
                  uint32_t length);

  // Delays waking a worker until Release, or until kHeldMax commands and datagrams wait for it, so
  // that the responses to a batch of requests cost one system call per worker.
  void Hold() { holding_ = true; }
  void Release();

  // Marks a peer as known to its worker, so that its requests do not wait behind strangers'.
  StatusCode PutKnownClient(uint32_t worker, const FiveTuple& tuple);
  StatusCode RemoveKnownClient(uint32_t worker, const FiveTuple& tuple);

  // Asks a worker to open a socket; the worker responds with an EndpointReport for `handle`.
  // Returns kQueueFull also if kEndpointCommandsMax commands of the worker wait for a response.
  StatusCode OpenEndpoint(uint32_t worker, EndpointKind kind, const TransportAddress& address,
                          TransportHandle* handle);
  // Removes the endpoint's flows and known clients, then asks its worker to close it; the worker
  // responds with an EndpointReport. From the call on no entry is put for it. kQueueFull means
  // partly done: call again. So many closes of a worker wait for a response as it executes in a
  // turn, so that opens and puts do not wait behind thousands. Does nothing, without a response, if
  // the handle is unknown. Entries that send by the endpoint stay.
  StatusCode CloseEndpoint(TransportHandle handle);

  // Sends a beat command to every worker that owes none.
  void Beat(uint64_t now_ns);
  // Returns the time in ns for which a worker has not executed the last beat.
  uint64_t SilentNs(uint32_t worker, uint64_t now_ns) const;

  // Maximum numbers of records to copy, by PuntClass: relays with events, known clients, strangers.
  using DrainLimits = std::array<uint32_t, kPuntClasses>;
  // Copies the workers' reports about endpoints. If there are none, copies punted records, class by
  // class, as PuntQueue::Drain does. Starts with another worker each time. Datagrams of an endpoint
  // are delivered after the report that it is open and before the report that it is closed.
  uint32_t Drain(uint8_t* buffer, uint32_t buffer_bytes, DrainLimits limits);

 private:
  struct RelayEntry {
    // 0 if there is no relay.
    uint32_t generation = 0;
    std::shared_ptr<RemoteRelayShared> shared;
  };
  struct AwaitedBeat {
    // Number of commands pushed when the beat was sent, and the time.
    uint64_t pushed = 0;
    uint64_t asked_ns = 0;
  };

  // Removes a flow that a worker had from the fast path, unless another worker has it.
  void RemoveFromFastPath(const FlowKey& key);
  // Removes a relayed endpoint that is closed from the fast path.
  void RemoveFromFastPath(const EndpointRecord& record);
  // Check a flow to put. CheckAction sets the generation of the action's relay, and the number of
  // its peer's IP address if that is one of the plane's relayed addresses.
  StatusCode CheckKey(const FlowKey& key, FlowAction::Kind kind);
  StatusCode CheckAction(uint32_t worker, const FlowKey& key, FlowAction* action);
  uint8_t RelayedNumberOf(const FiveTuple& peer) const;
  // Returns the index of a flow's traffic counters of the fast path. The worker has the flow.
  uint32_t FlowSlot(uint32_t worker, const FlowKey& key);
  bool HasRoomForEndpoints(uint32_t worker) const;
  bool HasRoomToClose(uint32_t worker) const;
  // Removes an endpoint's entries. Returns false if a queue filled up first.
  bool RemoveEntries(EndpointRecord& record);
  // Returns the list of the flows that an endpoint receives, or null if there is no such endpoint.
  uint32_t* FlowsOf(TransportHandle handle);
  uint32_t DrainReports(uint8_t* buffer, uint32_t buffer_bytes);
  // Applies a report. Returns whether it is passed to JavaScript.
  bool TakeReport(const EndpointReport& report);
  PuntQueue::Delivery DeliveryOf(TransportHandle handle);
  StatusCode PushKnownClient(Command::Kind kind, uint32_t worker, const FiveTuple& tuple);
  // Makes a worker's copy of a relay.
  std::unique_ptr<RemoteRelay> MakeRemoteRelay(const RemoteRelaySpec& spec,
                                               const RelayEntry& entry) const;
  bool AddressFits(Side side, const FiveTuple& path);
  // Returns the address of a socket of a side, or null if the handle is unknown.
  const TransportAddress* BoundTo(Side side, TransportHandle handle);
  // Whether an index is within the tables.
  bool IsSession(uint32_t index) const;
  // A range of workers: the first, and the one after the last.
  struct WorkerRange {
    uint32_t first;
    uint32_t end;
  };
  WorkerRange WorkersOf(uint32_t worker) const;
  // Returns the workers that may receive a 5-tuple: only its owner if the socket is an endpoint's.
  WorkerRange WorkersOf(uint32_t worker, TransportHandle handle) const;
  bool HaveRoom(WorkerRange workers) const;
  bool HaveRoomToRemove(WorkerRange workers) const;
  bool AllHaveRoom() const;
  void Push(uint32_t worker, const Command& command);
  void PushToAll(const Command& command);
  void Wake(size_t worker);

  WorkerPool& pool_;
  FastPath* fast_path_ = nullptr;
  CounterRow counters_;
  const uint32_t session_slots_;
  const uint32_t sessions_max_;
  const uint32_t client_flows_max_;
  const uint32_t trunk_mtu_bytes_;
  // The flows that each worker has or will have after the queued commands.
  std::vector<std::unique_ptr<FlowRecords>> flows_;
  std::vector<RelayEntry> relays_;
  std::vector<AwaitedBeat> beats_;
  EndpointRecords endpoints_;
  // For each worker the number of endpoint commands without a response, and of closes among them.
  std::vector<uint32_t> unanswered_;
  std::vector<uint32_t> closing_;
  uint32_t next_generation_ = 1;
  uint32_t first_to_drain_ = 0;
  bool holding_ = false;
  // For each worker the commands and datagrams queued since it was woken last, while wakes are
  // held.
  std::array<uint32_t, kWorkersMax> held_{};
};

}  // namespace turnpike
