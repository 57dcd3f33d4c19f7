// The controlling thread's side of a data plane: checks what is asked, keeps count of what the
// workers hold, and queues commands to them. One thread only.
//
// The workers' tables cannot answer "full" in time, so this side keeps their sizes along: a put
// that is accepted here never fails there.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "io/counters.h"
#include "io/endpoint_records.h"
#include "io/fast_path.h"
#include "io/worker_pool.h"

namespace turnpike {

// A relay as the caller describes it.
struct TrunkPeerSpec {
  FiveTuple path;
  std::vector<TransportAddress> sources;
  TrunkKeyring<kSendKeysMax> send_keys;
  TrunkKeyring<kReceiveKeysMax> receive_keys;
  uint32_t records_max = 1;
  // As in TrunkPeer; a bundle length of 0 stands for the plane's own.
  uint8_t lane_offset = 0;
  uint32_t bundle_bytes_max = 0;
  uint32_t lanes_closed = 0;
  std::vector<TrunkWay> ways;
};

// A probe by a way that need not be the relay's path.
struct ProbeSpec {
  FiveTuple path;
  // Padded to so many bytes; 0: a plain probe, of which there is one length.
  uint16_t bytes = 0;
  // From this worker's own port, or from the trunk address.
  std::optional<uint32_t> worker;
};

class Controller {
 public:
  // `pool` is open and outlives the controller.
  Controller(WorkerPool& pool, const PlaneOptions& options);

  // Must succeed before any other call.
  Status Allocate(const PlaneOptions& options);

  // Tells `fast_path` of all that is put and removed from now on. Before any of that; it outlives
  // the controller's last call.
  void UseFastPath(FastPath* fast_path);

  // In one worker, or with kEveryWorker in every one, as nobody knows which of them will receive a
  // 5-tuple that has sent nothing yet; all of them take it, or none.
  // It expires after so many seconds, or never where they are 0.
  StatusCode PutClientFlow(uint32_t worker, const FlowKey& key, FlowAction action,
                           uint32_t lifetime_seconds = 0);
  // From now on it lasts so many seconds; nothing else of it changes. Harmless where it is not.
  StatusCode RefreshClientFlow(uint32_t worker, const FlowKey& key, uint32_t lifetime_seconds);
  StatusCode RemoveClientFlow(uint32_t worker, const FlowKey& key);
  // The number that a worker counts a flow's traffic under; false when there is no such flow.
  bool FlowNumber(uint32_t worker, const FlowKey& key, uint32_t* number);
  // What a flow of a worker has carried, by that number; null where there can be none.
  const LegTraffic* FlowTraffic(uint32_t worker, uint32_t number) const;
  // Both as for a flow.
  StatusCode PutSession(uint32_t index, SessionAction action, uint32_t lifetime_seconds = 0);
  StatusCode RefreshSession(uint32_t index, uint32_t lifetime_seconds);
  StatusCode RemoveSession(uint32_t index);
  StatusCode PutTrunkPeer(uint32_t relay_index, const TrunkPeerSpec& spec);
  StatusCode RemoveTrunkPeer(uint32_t relay_index);
  // A plain probe by the relay's path, or one by the way that `spec` names.
  StatusCode Probe(uint32_t relay_index, uint32_t number, const ProbeSpec* spec);
  // Sends a datagram once all workers have carried out what was queued until now.
  StatusCode Send(Side side, const FiveTuple& path, const uint8_t* data, uint32_t length);

  // Until Release the workers that get commands or datagrams are not woken for each: an answer to a
  // whole batch of requests costs one system call for each worker.
  void Hold() { holding_ = true; }
  void Release();

  // Makes the requests of a peer known to its worker, so that they do not wait behind strangers'.
  StatusCode PutKnownClient(uint32_t worker, const FiveTuple& tuple);
  StatusCode RemoveKnownClient(uint32_t worker, const FiveTuple& tuple);

  // Has a worker open a socket; the answer is an EndpointReport for `handle`. kQueueFull also where
  // kEndpointCommandsMax of a worker are not answered.
  StatusCode OpenEndpoint(uint32_t worker, EndpointKind kind, const TransportAddress& address,
                          TransportHandle* handle);
  // Removes the endpoint's flows and known clients, then has its worker close it; the answer is an
  // EndpointReport. kQueueFull: some of that is done, call again. Harmless, and without an answer,
  // where the handle names nothing. Entries that lead to it stay.
  StatusCode CloseEndpoint(TransportHandle handle);

  // Asks every worker for a sign of life, where none is owed.
  void Beat(uint64_t now_ns);
  // How long a worker has owed one: what it was asked to do before has waited as long.
  uint64_t SilentNs(uint32_t worker, uint64_t now_ns) const;

  // How many records to copy at most, by PuntClass: of relays with the events, of proven peers, of
  // strangers.
  using DrainLimits = std::array<uint32_t, kPuntClasses>;
  // Copies what the workers say of endpoints. Where that is nothing, copies what they handed up,
  // class by class; see PuntQueue::Drain. Starts with another worker each time. What came by an
  // endpoint is handed up between the reports that it is open and that it is closed.
  uint32_t Drain(uint8_t* buffer, uint32_t buffer_bytes, DrainLimits limits);

 private:
  struct RelayEntry {
    // 0 when empty.
    uint32_t generation = 0;
    std::shared_ptr<TrunkPeerShared> shared;
  };
  struct Nothing {};
  struct AwaitedBeat {
    // Commands pushed when it was asked for, and when that was.
    uint64_t pushed = 0;
    uint64_t asked_ns = 0;
  };

  bool HasRoomForEndpoints(uint32_t worker) const;
  // Removes an endpoint's own entries; false where a queue was full before the last.
  bool RemoveEntries(EndpointRecord& record);
  // Notes, or forgets, an entry that goes with its endpoint, where it has one.
  void KeepEntry(const FlowKey& key);
  void ForgetEntry(const FlowKey& key);
  uint32_t DrainReports(uint8_t* buffer, uint32_t buffer_bytes);
  // Whether JavaScript is to hear of it.
  bool TakeReport(const EndpointReport& report);
  PuntQueue::Delivery DeliveryOf(TransportHandle handle);
  StatusCode PushKnownClient(Command::Kind kind, uint32_t worker, const FiveTuple& tuple);
  // A worker's own copy of a relay.
  std::unique_ptr<TrunkPeer> MakePeer(const TrunkPeerSpec& spec,
                                      const RelayEntry& relay_index) const;
  bool AddressFits(Side side, const FiveTuple& path);
  // The address of a socket of a side; null where the handle names none.
  const TransportAddress* BoundTo(Side side, TransportHandle handle);
  // Whether an index has a place in the tables.
  bool IsSession(uint32_t index) const;
  // Of a worker or of every one: the first, and the one after the last; none where there is none.
  struct WorkerRange {
    uint32_t first;
    uint32_t end;
  };
  WorkerRange WorkersOf(uint32_t worker) const;
  // Of those that may receive a 5-tuple: the one that has the endpoint, where it is an endpoint's.
  WorkerRange WorkersOf(uint32_t worker, TransportHandle handle) const;
  bool HaveRoom(WorkerRange workers) const;
  bool AllHaveRoom() const;
  void Push(uint32_t worker, const Command& command);
  void PushToAll(const Command& command);
  void Wake(size_t worker);

  WorkerPool& pool_;
  FastPath* fast_path_ = nullptr;
  CounterRow counters_;
  const uint32_t session_places_;
  const uint32_t sessions_max_;
  const uint32_t client_flows_max_;
  const uint32_t trunk_mtu_bytes_;
  // The flows that each worker holds or is about to.
  std::vector<std::unique_ptr<FixedTable<FlowKey, Nothing>>> flows_;
  std::vector<RelayEntry> relays_;
  std::vector<AwaitedBeat> beats_;
  EndpointRecords endpoints_;
  // Commands of each worker's endpoints without an answer.
  std::vector<uint32_t> unanswered_;
  uint32_t next_generation_ = 1;
  uint32_t first_to_drain_ = 0;
  bool holding_ = false;
  // Workers to wake at Release.
  std::bitset<kWorkersMax> to_wake_;
};

}  // namespace turnpike
