#include "forward/bundler.h"

#include <algorithm>
#include <cstring>

namespace turnpike {

Status Bundler::Allocate(uint32_t relays_max, uint32_t mtu_bytes) {
  // An odd number of cache lines, so that bundles do not map to the same cache sets.
  stride_bytes_ = (mtu_bytes + 127) / 64 * 64 | 64;
  open_of_relay_ = std::make_unique<uint16_t[]>(relays_max);
  std::fill_n(open_of_relay_.get(), relays_max, kNone);
  open_.reserve(kBundlesMax);
  closed_.reserve(kBundlesMax);
  free_.reserve(kBundlesMax);
  for (uint16_t i = kBundlesMax; i > 0; --i) free_.push_back(static_cast<uint16_t>(i - 1));
  return bytes_.Allocate(kBundlesMax * stride_bytes_);
}

bool Bundler::Add(const TrunkRecord& record, uint64_t since_ns, Outgoing* out) {
  bool closed = false;
  const uint32_t record_bytes = sizeof(RecordHeader) + record.payload_bytes;
  if (const uint16_t index = open_of_relay_[record.relay_index]; index != kNone) {
    const Bundle& bundle = bundles_[index];
    if (bundle.length + record_bytes > record.relay->bundle_bytes_max ||
        bundle.records >= record.relay->records_max) {
      Close(index, out);
      closed = true;
    }
  }
  if (open_of_relay_[record.relay_index] == kNone) Open(record, since_ns);
  const uint16_t index = open_of_relay_[record.relay_index];
  Bundle& bundle = bundles_[index];
  uint8_t* end = BytesOf(index) + bundle.length;
  std::memcpy(end, &record.header, sizeof(record.header));
  std::memcpy(end + sizeof(record.header), record.payload, record.payload_bytes);
  bundle.length += record_bytes;
  ++bundle.records;
  record.flow->bundle_serial = bundle.serial;
  return closed;
}

bool Bundler::CloseBefore(const TrunkRecord& record, Outgoing* out) {
  const uint16_t index = open_of_relay_[record.relay_index];
  if (index == kNone || bundles_[index].serial != record.flow->bundle_serial) return false;
  Close(index, out);
  return true;
}

bool Bundler::CloseOldest(Outgoing* out) {
  if (open_.empty()) return false;
  Close(open_.front(), out);
  return true;
}

void Bundler::Recycle() {
  free_.insert(free_.end(), closed_.begin(), closed_.end());
  closed_.clear();
}

void Bundler::Open(const TrunkRecord& record, uint64_t since_ns) {
  const uint16_t index = free_.back();
  free_.pop_back();
  open_.push_back(index);
  open_of_relay_[record.relay_index] = index;
  const RemoteRelay& relay = *record.relay;
  bundles_[index] = Bundle{record.relay_index,  next_serial_++,    0,
                           sizeof(TrunkHeader), since_ns,          record.key,
                           relay.path,          relay.lane_offset, relay.from_trunk_port};
}

void Bundler::Close(uint16_t index, Outgoing* out) {
  const Bundle& bundle = bundles_[index];
  authenticator_.AuthenticateRecords(bundle.key, bundle.lane_offset, BytesOf(index), bundle.length);
  *out = Outgoing{&bundle.path, BytesOf(index), bundle.length, bundle.from_trunk_port};
  open_of_relay_[bundle.relay_index] = kNone;
  open_.erase(std::find(open_.begin(), open_.end(), index));
  closed_.push_back(index);
}

}  // namespace turnpike
