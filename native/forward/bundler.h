// Bundles records for the same relay into one datagram, which saves traversals of the kernel at
// both relays.
//
// The records of one session leave in order. A record joins the relay's open bundle or a later one.
// Before a record is sent alone, the open bundle is closed if it holds an earlier record of the
// session.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "forward/forwarder.h"
#include "forward/trunk_authenticator.h"

namespace turnpike {

// Maximum number of bundles of one worker that are open or waiting to be sent.
inline constexpr uint32_t kBundlesMax = 256;

// One worker's bundles; used by that worker only.
class Bundler {
 public:
  // `authenticator` outlives the bundler.
  explicit Bundler(TrunkAuthenticator& authenticator) : authenticator_(authenticator) {}

  // Allocates bundles for `relays_max` relays, each at most `mtu_bytes` long.
  Status Allocate(uint32_t relays_max, uint32_t mtu_bytes);

  // Returns whether a record is bundled: two records of its size must fit one datagram for the
  // relay. Other records are sent alone, without a copy.
  bool Takes(const TrunkRecord& record) const {
    return record.relay->records_max > 1 &&
           sizeof(TrunkHeader) + 2 * (sizeof(RecordHeader) + record.payload_bytes) <=
               record.relay->bundle_bytes_max;
  }

  // Returns whether Add can open a bundle. If not, close all bundles, send them, and call Recycle.
  bool HasRoom() const { return !free_.empty(); }
  // Adds a record for which Takes is true; it has waited since `since_ns`. Returns true if a bundle
  // was closed first, and sets `out` to it.
  bool Add(const TrunkRecord& record, uint64_t since_ns, Outgoing* out);
  // Closes the bundle that must leave before `record` is sent alone. Returns true if there is one,
  // and sets `out` to it.
  bool CloseBefore(const TrunkRecord& record, Outgoing* out);
  // Closes the oldest bundle. Returns false if none is open.
  bool CloseOldest(Outgoing* out);

  bool empty() const { return open_.empty(); }
  // Time in ns since which the first record of the oldest bundle waits.
  uint64_t oldest_since_ns() const { return bundles_[open_.front()].since_ns; }

  // Reuses the memory of closed bundles after they were sent.
  void Recycle();

 private:
  struct Bundle {
    uint32_t relay_index;
    uint32_t serial;
    uint32_t records;
    uint32_t length;
    uint64_t since_ns;
    TrunkKey key;
    FiveTuple path;
    uint8_t lane_offset;
    bool from_trunk_port;
  };

  uint8_t* BytesOf(uint16_t index) { return &bytes_[size_t{index} * stride_bytes_]; }
  void Open(const TrunkRecord& record, uint64_t since_ns);
  void Close(uint16_t index, Outgoing* out);

  static constexpr uint16_t kNone = 0xffff;

  TrunkAuthenticator& authenticator_;
  size_t stride_bytes_ = 0;
  MappedArray<uint8_t> bytes_;
  Bundle bundles_[kBundlesMax];
  // For each relay the open bundle, or kNone.
  std::unique_ptr<uint16_t[]> open_of_relay_;
  // Open bundles, oldest first.
  std::vector<uint16_t> open_;
  std::vector<uint16_t> closed_;
  std::vector<uint16_t> free_;
  uint32_t next_serial_ = 1;
};

}  // namespace turnpike
