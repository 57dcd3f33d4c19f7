// The controlling thread's records of the endpoints that workers open while they run, with the
// entries to remove when an endpoint closes.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/siphash.h"
#include "io/endpoint_ids.h"
#include "io/flow_records.h"

namespace turnpike {

// Hashes a 5-tuple as bytes, with a secret key because peers choose its contents.
struct FiveTupleHash {
  SipKey key;

  size_t operator()(const FiveTuple& tuple) const {
    SipHash13 hash(key);
    hash.Update(&tuple, sizeof(tuple));
    return hash.Finish();
  }
};

struct EndpointRecord {
  enum class State : uint8_t {
    kFree,
    // Waits for the worker's response to the open command.
    kOpening,
    kOpen,
    // Its entries are being removed; no entry is added.
    kEmptying,
    // Waits for the worker's response to the close command.
    kClosing,
  };
  using KnownClients = std::unordered_set<FiveTuple, FiveTupleHash>;

  State state = State::kFree;
  // The worker closed the socket after an error; the record remains until it is closed.
  bool ended = false;
  Side side = Side::kClient;
  TransportHandle handle;
  TransportAddress address;
  // The list in FlowRecords of the flows that it receives.
  uint32_t flows = FlowRecords::kNoFlow;
  KnownClients known_clients;

  bool IsOpen() const { return state == State::kOpen && !ended; }
};

class EndpointRecords {
 public:
  // Call before any other method. `hash_key` is random.
  void Start(uint32_t workers, const SipKey& hash_key) {
    hash_key_ = hash_key;
    for (uint32_t i = 0; i < workers; ++i) workers_.emplace_back(static_cast<uint8_t>(i));
  }

  // Adds a record with a new handle. Returns null if the worker has kEndpointsPerWorkerMax
  // endpoints.
  EndpointRecord* Add(uint32_t worker, Transport transport) {
    OfWorker& of_worker = workers_[worker];
    const std::optional<TransportHandle> handle = of_worker.ids.Take(transport);
    if (!handle) return nullptr;
    const uint16_t slot = EndpointIds::SlotOf(*handle);
    if (slot >= of_worker.records.size()) of_worker.records.resize(slot + size_t{1});
    EndpointRecord& record = of_worker.records[slot];
    record.handle = *handle;
    record.state = EndpointRecord::State::kOpening;
    record.ended = false;
    record.known_clients = EndpointRecord::KnownClients(0, FiveTupleHash{hash_key_});
    return &record;
  }
  // Returns the record of a handle, or null if there is none or the handle is a listener's.
  EndpointRecord* Find(TransportHandle handle) {
    if (handle.worker() >= workers_.size() || handle.id() < TransportHandle::kListeners) {
      return nullptr;
    }
    std::vector<EndpointRecord>& records = workers_[handle.worker()].records;
    const uint16_t slot = EndpointIds::SlotOf(handle);
    if (slot >= records.size() || records[slot].state == EndpointRecord::State::kFree) {
      return nullptr;
    }
    return records[slot].handle == handle ? &records[slot] : nullptr;
  }
  // Frees a record, which must have no entries.
  void Remove(EndpointRecord& record) {
    record.state = EndpointRecord::State::kFree;
    workers_[record.handle.worker()].ids.GiveBack(record.handle);
  }

 private:
  struct OfWorker {
    explicit OfWorker(uint8_t worker) : ids(worker, kEndpointsPerWorkerMax) {}
    EndpointIds ids;
    // Indexed by EndpointIds::SlotOf.
    std::vector<EndpointRecord> records;
  };

  SipKey hash_key_{};
  std::vector<OfWorker> workers_;
};

}  // namespace turnpike
