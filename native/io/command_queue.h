// Orders from the controlling thread to one worker, in order, through a bounded ring. One thread
// pushes, the worker pops; nobody waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "table/flow_table.h"
#include "table/session_table.h"
#include "table/shared_sequences.h"
#include "table/trunk_peers.h"

namespace turnpike {

struct Command {
  enum class Kind : uint8_t {
    kShareSequences,
    kPutFlow,
    kRefreshFlow,
    kRemoveFlow,
    kPutSession,
    kRefreshSession,
    kRemoveSession,
    kPutPeer,
    kRemovePeer,
    kProbe,
    // The tuple of `flow_key`.
    kPutKnownClient,
    kRemoveKnownClient,
    // Answered with an EndpointReport: `handle`, and where it is to be opened.
    kOpenEndpoint,
    kCloseEndpoint,
    // Nothing to do: that it is carried out is the sign of life.
    kBeat,
  };

  Kind kind;
  // A session index, or the index of a relay.
  uint32_t index = 0;
  // kProbe: a path probe of so many bytes, or a plain probe where it is 0; from the trunk address,
  // or from the worker's own port. Without a path it takes the relay's.
  uint32_t probe_number = 0;
  uint16_t probe_bytes = 0;
  bool probe_from_lane = false;
  bool probe_has_path = false;
  FiveTuple probe_path;
  FlowKey flow_key;
  FlowAction flow_action;
  SessionAction session_action;
  // Of an entry, from when the command is carried out: a worker that is late makes it last longer,
  // never shorter. 0: for ever.
  uint32_t lifetime_seconds = 0;
  SharedSequences shared_sequences;
  TransportHandle handle;
  EndpointKind endpoint_kind = EndpointKind::kClient;
  TransportAddress address;
  // Owned by the command until the worker takes it.
  TrunkPeer* peer = nullptr;

  bool IsOfEndpoint() const { return kind == Kind::kOpenEndpoint || kind == Kind::kCloseEndpoint; }
};
static_assert(std::is_trivially_copyable_v<Command>);

class CommandQueue {
 public:
  ~CommandQueue() {
    // What the worker did not get to still owns its relay.
    for (Command command; Pop(&command);) delete command.peer;
  }

  Status Allocate() { return commands_.Allocate(kCommandQueueLength); }

  // Producer.
  bool HasRoom() const {
    return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire) <
           kCommandQueueLength;
  }
  // Producer, after HasRoom.
  void Push(const Command& command) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    commands_[head % kCommandQueueLength] = command;
    // Sequentially consistent, against the worker's look before it sleeps.
    head_.store(head + 1, std::memory_order_seq_cst);
  }
  // Producer: commands pushed since the start.
  uint64_t pushed() const { return head_.load(std::memory_order_relaxed); }

  // Worker.
  bool Pop(Command* command) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    *command = commands_[tail % kCommandQueueLength];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  bool Empty() const {
    return tail_.load(std::memory_order_relaxed) == head_.load(std::memory_order_seq_cst);
  }

 private:
  MappedArray<Command> commands_;
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};

}  // namespace turnpike
