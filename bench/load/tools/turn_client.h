// A TURN client with many allocations, each from an address of its own.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "histogram.h"
#include "turn_message.h"

namespace bench {

struct TurnClientOptions {
  sockaddr_in server{};
  // Address of the first client and of the first peer; the others follow by NthSource.
  sockaddr_in source{};
  sockaddr_in peer{};
  uint64_t ports_per_address = 20'000;
  // The channel of every allocation; 0 gives a permission instead.
  uint16_t channel = 0;
  TurnCredential credential;
  // Allocations under way at once.
  uint32_t window = 16;
};

// What a run of allocations took.
struct TurnRun {
  uint64_t elapsed_ns = 0;
  // CPU time of this process.
  uint64_t cpu_ns = 0;
  uint64_t retransmissions = 0;
  // Number of refused allocations by error code; code 0 are those without an answer.
  std::map<int, uint64_t> failures;
  // From the first request of an allocation to its last response.
  Histogram latency;
};

class TurnClient {
 public:
  // Opens the sockets of `flows` clients.
  TurnClient(const TurnClientOptions& options, uint32_t flows);
  ~TurnClient();

  TurnClient(const TurnClient&) = delete;
  TurnClient& operator=(const TurnClient&) = delete;

  // Makes an allocation for each client: Allocate, its 401, Allocate with the credential, and
  // ChannelBind or CreatePermission.
  TurnRun Allocate();

  // Relayed transport address of each client; all zero without an allocation.
  const std::vector<sockaddr_in>& relayed() const { return relayed_; }

 private:
  enum class Step : uint8_t { kWaiting, kChallenged, kAllocating, kGranting, kDone };

  struct Flow {
    int fd = -1;
    Step step = Step::kWaiting;
    uint8_t tries = 0;
    TransactionId id{};
    uint64_t begun_ns = 0;
    uint64_t sent_ns = 0;
    std::string realm;
    std::string nonce;
  };

  void Begin(uint32_t flow);
  void SendRequest(uint32_t flow);
  void Receive(uint32_t flow);
  void Take(uint32_t flow, const TurnResponse& response);
  void Succeed(uint32_t flow);
  void End(uint32_t flow);
  void FailFlow(uint32_t flow, int code);
  // Sends again what has had no response.
  void Retransmit();

  const TurnClientOptions options_;
  std::vector<Flow> flows_;
  std::vector<sockaddr_in> relayed_;
  int epoll_ = -1;
  // The next client without an allocation.
  uint32_t next_ = 0;
  uint32_t under_way_ = 0;
  uint32_t transactions_ = 0;
  TurnRun run_;
};

}  // namespace bench
