// Commands from the controlling thread to one worker, in order, in a bounded lock-free ring. The
// controlling thread pushes, the worker pops.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "table/flow_table.h"
#include "table/remote_relays.h"
#include "table/session_table.h"
#include "table/shared_sequences.h"

namespace turnpike {

// Commands that a worker executes in one turn of its loop, so that they do not delay the rest.
inline constexpr uint32_t kCommandsPerTurn = 1'024;
// Endpoints opened or closed in one turn; each takes the kernel tens of µs.
inline constexpr uint32_t kEndpointCommandsPerTurn = 16;

struct Command {
  enum class Kind : uint8_t {
    kShareSequences,
    kPutFlow,
    kRefreshFlow,
    kRemoveFlow,
    kPutSession,
    kRefreshSession,
    kRemoveSession,
    kPutRemoteRelay,
    kRemoveRemoteRelay,
    kProbe,
    // Use the tuple of `flow.key`.
    kPutKnownClient,
    kRemoveKnownClient,
    // The worker responds with an EndpointReport.
    kOpenEndpoint,
    kCloseEndpoint,
    // No operation: its execution shows that the worker is alive.
    kBeat,
  };

  struct FlowPut {
    FlowKey key;
    FlowAction action;
  };
  struct EndpointOpen {
    TransportHandle handle;
    EndpointKind kind = EndpointKind::kClient;
    TransportAddress address;
  };
  struct ProbeSend {
    uint32_t number = 0;
    // Length of a path probe, or 0 for a plain probe.
    uint16_t bytes = 0;
    // Whether it leaves from the worker's own port instead of the trunk address; and its path, if
    // it is not the relay's.
    bool from_lane = false;
    bool has_path = false;
    FiveTuple path;
  };

  Command() : flow() {}

  Kind kind = Kind::kBeat;
  // A session index or a relay index.
  uint32_t index = 0;
  // Lifetime of an entry, counted from the execution of the command: a late worker makes it longer,
  // never shorter. 0 means never.
  uint32_t lifetime_seconds = 0;
  // What a kind needs: a queue's memory is that of as many commands as it has ever held.
  union {
    // A flow; the tuple of a known client.
    FlowPut flow;
    SessionAction session;
    EndpointOpen endpoint;
    ProbeSend probe;
    SharedSequences shared_sequences;
    // kPutRemoteRelay. Owned by the command until the worker takes it.
    RemoteRelay* relay;
  };

  bool IsOfEndpoint() const { return kind == Kind::kOpenEndpoint || kind == Kind::kCloseEndpoint; }
};
static_assert(std::is_trivially_copyable_v<Command>);
static_assert(sizeof(Command) <= 128);

class CommandQueue {
 public:
  ~CommandQueue() {
    // Commands that were not executed still own their relay.
    for (Command command; Pop(&command);) {
      if (command.kind == Command::Kind::kPutRemoteRelay) delete command.relay;
    }
  }

  Status Allocate() { return commands_.Allocate(kCommandQueueLength); }

  // Producer: whether a command fits.
  bool HasRoom() const { return Waiting() < kCommandQueueLength; }
  // Producer: whether a removal fits. Removals come in thousands when relays or clients are lost,
  // so they fill no more than a turn's part of the queue: a put never waits behind more.
  bool HasRoomToRemove() const { return Waiting() < kCommandsPerTurn; }
  // Producer: adds a command. HasRoom must be true.
  void Push(const Command& command) {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    commands_[head % kCommandQueueLength] = command;
    // Sequentially consistent: pairs with the check that the worker makes before it sleeps.
    head_.store(head + 1, std::memory_order_seq_cst);
  }
  // Producer: number of commands pushed since the start.
  uint64_t pushed() const { return head_.load(std::memory_order_relaxed); }

  // Worker: takes the oldest command. Returns false if there is none.
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
  uint64_t Waiting() const {
    return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire);
  }

  MappedArray<Command> commands_;
  alignas(64) std::atomic<uint64_t> head_{0};
  alignas(64) std::atomic<uint64_t> tail_{0};
};

}  // namespace turnpike
