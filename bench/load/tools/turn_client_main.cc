// Makes many TURN allocations with the long-term credential mechanism. Prints one line of JSON: the
// relayed transport addresses, and what the allocations took. Their sockets are closed then; the
// allocations stay until they expire.
#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "arguments.h"
#include "clock.h"
#include "turn_client.h"

namespace bench {
namespace {

void PrintRun(const TurnRun& run) {
  const auto text = [](uint64_t number) { return static_cast<unsigned long long>(number); };
  std::printf("\"elapsedNs\":%llu,\"cpuNs\":%llu,\"retransmissions\":%llu,", text(run.elapsed_ns),
              text(run.cpu_ns), text(run.retransmissions));
  std::printf("\"p50Ns\":%llu,\"p99Ns\":%llu,\"failures\":{", text(run.latency.QuantileNs(0.5)),
              text(run.latency.QuantileNs(0.99)));
  const char* separator = "";
  for (const auto& [code, count] : run.failures) {
    std::printf("%s\"%d\":%llu", separator, code, text(count));
    separator = ",";
  }
  std::printf("}");
}

void PrintRelayed(const std::vector<sockaddr_in>& relayed) {
  std::printf("\"relayed\":[");
  const char* separator = "";
  for (const sockaddr_in& each : relayed) {
    char ip[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &each.sin_addr, ip, sizeof(ip));
    std::printf("%s\"%s:%u\"", separator, ip, ntohs(each.sin_port));
    separator = ",";
  }
  std::printf("]");
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  TurnClientOptions options;
  options.server = arguments.Address("server");
  options.source = arguments.Address("source");
  options.peer = arguments.Address("peer");
  options.ports_per_address = arguments.Number("ports-per-address", options.ports_per_address);
  options.channel = static_cast<uint16_t>(arguments.Number("channel", 0));
  options.credential.username = arguments.Text("username");
  const std::vector<uint8_t> key = arguments.Bytes("key", options.credential.key.size());
  std::copy(key.begin(), key.end(), options.credential.key.begin());
  options.window = static_cast<uint32_t>(arguments.Number("window", options.window));
  const uint32_t flows = static_cast<uint32_t>(arguments.Number("flows"));
  PinToCpu(static_cast<int>(arguments.Real("cpu", -1)));
  arguments.CheckAllUsed();

  TurnClient client(options, flows);
  std::printf("{");
  PrintRun(client.Allocate());
  std::printf(",");
  PrintRelayed(client.relayed());
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
