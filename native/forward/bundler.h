// Puts records that go to the same relay into common datagrams. Every traversal of the kernel that
// two records share is saved, at both relays.
//
// The records of one connection leave in the order they came: a record joins the open bundle of its
// relay or a later one, and before one leaves alone the open bundle leaves if it holds an earlier
// record of that connection.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "forward/forwarder.h"
#include "forward/trunk_authenticator.h"

namespace turnpike {

// Bundles that are being filled or wait to leave, in one worker.
inline constexpr uint32_t kBundlesMax = 256;

// One worker's bundles; used by that worker only.
class Bundler {
 public:
  // `authenticator` outlives the bundler.
  explicit Bundler(TrunkAuthenticator& authenticator) : authenticator_(authenticator) {}

  // For `relays_max` relays, none of whose bundles is longer than `mtu_bytes`.
  Status Allocate(uint32_t relays_max, uint32_t mtu_bytes);

  // Whether a record is worth copying: whether two of its size fit one datagram that its relay
  // takes. All others leave alone, straight from where they were received.
  bool Takes(const TrunkRecord& record) const {
    return record.peer->records_max > 1 &&
           sizeof(TrunkHeader) + 2 * (sizeof(RecordHeader) + record.payload_bytes) <=
               record.peer->bundle_bytes_max;
  }

  // Whether Add can open a bundle; if not, close all, send what was closed, and Recycle.
  bool HasRoom() const { return !free_.empty(); }
  // Adds a record that this bundler takes and that has waited since `since_ns`. True when a bundle
  // had to leave before: `out` is it.
  bool Add(const TrunkRecord& record, uint64_t since_ns, Outgoing* out);
  // Before `record` leaves alone: true when a bundle has to leave first, `out` is it.
  bool CloseBefore(const TrunkRecord& record, Outgoing* out);
  // Closes the oldest bundle; false when none is open.
  bool CloseOldest(Outgoing* out);

  bool empty() const { return open_.empty(); }
  // Since when the first record of the oldest bundle waits.
  uint64_t oldest_since_ns() const { return bundles_[open_.front()].since_ns; }

  // Takes the memory of closed bundles back: they were sent.
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
  // By relay: the open bundle, or kNone.
  std::unique_ptr<uint16_t[]> open_of_relay_;
  // The oldest first.
  std::vector<uint16_t> open_;
  std::vector<uint16_t> closed_;
  std::vector<uint16_t> free_;
  uint32_t next_serial_ = 1;
};

}  // namespace turnpike
