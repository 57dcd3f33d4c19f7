#include "binding/scratch.h"

#include "binding/interface_checks.h"

namespace turnpike {

namespace {

static_assert(sizeof(RemoteRelayCommand) + kTrunkSourcesMax * sizeof(TransportAddress) +
                  (kSendKeysMax + kReceiveKeysMax) * sizeof(TrunkKeyEntry) +
                  kTrunkPathsMax * sizeof(TrunkPathEntry) <=
              kScratchBytes);

// Reads consecutive entries without padding.
class ListReader {
 public:
  explicit ListReader(const uint8_t* bytes) : next_(bytes) {}

  template <typename Entry>
  Entry Next() {
    const Entry entry = Read<Entry>(next_);
    next_ += sizeof(Entry);
    return entry;
  }

  template <uint32_t kKeysMax>
  void ReadKeys(uint16_t count, TrunkKeyring<kKeysMax>* keyring) {
    for (uint16_t i = 0; i < count; ++i) {
      const TrunkKeyEntry entry = Next<TrunkKeyEntry>();
      keyring->Add(entry.epoch, SipKey::FromBytes(entry.key));
    }
  }

 private:
  const uint8_t* next_;
};

}  // namespace

bool ReadRemoteRelay(const uint8_t* scratch, RemoteRelaySpec* spec) {
  const RemoteRelayCommand command = Read<RemoteRelayCommand>(scratch);
  if (command.records_max == 0 || command.sources > kTrunkSourcesMax ||
      command.send_keys > kSendKeysMax || command.receive_keys > kReceiveKeysMax ||
      command.paths > kTrunkPathsMax || command.lane_offset > 0xff) {
    return false;
  }
  spec->path = command.path;
  spec->records_max = command.records_max;
  spec->lane_offset = static_cast<uint8_t>(command.lane_offset);
  spec->bundle_bytes_max = command.bundle_bytes_max;
  spec->lanes_closed = command.lanes_closed;
  ListReader lists(scratch + sizeof(RemoteRelayCommand));
  for (uint16_t i = 0; i < command.sources; ++i) {
    spec->sources.push_back(lists.Next<TransportAddress>());
  }
  lists.ReadKeys(command.send_keys, &spec->send_keys);
  lists.ReadKeys(command.receive_keys, &spec->receive_keys);
  for (uint16_t i = 0; i < command.paths; ++i) {
    const TrunkPathEntry entry = lists.Next<TrunkPathEntry>();
    spec->paths.push_back(TrunkPath{entry.socket, entry.remote, entry.heard});
  }
  return true;
}

}  // namespace turnpike
