// What the controlling thread knows of the endpoints that workers open while they run: which there
// are, and which entries go when one is closed.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/siphash.h"
#include "io/endpoint_ids.h"
#include "table/flow_table.h"

namespace turnpike {

// Compares and hashes a flow's key as bytes, as FixedTable does; peers choose what is in it.
struct FlowKeyHash {
  SipKey key;

  size_t operator()(const FlowKey& flow) const {
    SipHash13 hash(key);
    hash.Update(&flow, sizeof(flow));
    return hash.Finish();
  }
};
struct FlowKeysEqual {
  bool operator()(const FlowKey& a, const FlowKey& b) const {
    return std::memcmp(&a, &b, sizeof(a)) == 0;
  }
};

struct EndpointRecord {
  enum class State : uint8_t {
    kFree,
    // The worker has yet to answer.
    kOpening,
    kOpen,
    // Its entries are on their way out, and nothing is added.
    kEmptying,
    // The worker has yet to answer.
    kClosing,
  };
  using Entries = std::unordered_set<FlowKey, FlowKeyHash, FlowKeysEqual>;

  State state = State::kFree;
  // Its worker has closed it unasked; what the controlling thread keeps of it is still there.
  bool ended = false;
  Side side = Side::kClient;
  TransportHandle handle;
  TransportAddress address;
  // Flows that it receives, and, with channel 0, known clients.
  Entries entries;

  bool IsOpen() const { return state == State::kOpen && !ended; }
};

class EndpointRecords {
 public:
  // Before any other call. `hash_key` is random.
  void Start(uint32_t workers, const SipKey& hash_key) {
    hash_key_ = hash_key;
    for (uint32_t i = 0; i < workers; ++i) workers_.emplace_back(static_cast<uint8_t>(i));
  }

  // A record of a new handle; null where the worker has kEndpointsPerWorkerMax.
  EndpointRecord* Add(uint32_t worker, Transport transport) {
    OfWorker& of_worker = workers_[worker];
    const std::optional<TransportHandle> handle = of_worker.ids.Take(transport);
    if (!handle) return nullptr;
    const uint16_t place = EndpointIds::PlaceOf(*handle);
    if (place >= of_worker.records.size()) of_worker.records.resize(place + size_t{1});
    EndpointRecord& record = of_worker.records[place];
    record.handle = *handle;
    record.state = EndpointRecord::State::kOpening;
    record.ended = false;
    record.entries = EndpointRecord::Entries(0, FlowKeyHash{hash_key_});
    return &record;
  }
  // Null where the handle names nothing, or a listener.
  EndpointRecord* Find(TransportHandle handle) {
    if (handle.worker() >= workers_.size() || handle.id() < TransportHandle::kListeners) {
      return nullptr;
    }
    std::vector<EndpointRecord>& records = workers_[handle.worker()].records;
    const uint16_t place = EndpointIds::PlaceOf(handle);
    if (place >= records.size() || records[place].state == EndpointRecord::State::kFree) {
      return nullptr;
    }
    return records[place].handle == handle ? &records[place] : nullptr;
  }
  // The record has no entries any more.
  void Remove(EndpointRecord& record) {
    record.state = EndpointRecord::State::kFree;
    workers_[record.handle.worker()].ids.GiveBack(record.handle);
  }

 private:
  struct OfWorker {
    explicit OfWorker(uint8_t worker) : ids(worker, kEndpointsPerWorkerMax) {}
    EndpointIds ids;
    // By place.
    std::vector<EndpointRecord> records;
  };

  SipKey hash_key_{};
  std::vector<OfWorker> workers_;
};

}  // namespace turnpike
