// Fills the flow map of the minimal XDP program by formula, attaches the program, and waits for a
// signal to end.
#include <bpf/bpf.h>

#include <cstdio>
#include <cstring>

#include "arguments.h"
#include "bpf_object.h"
#include "headers.h"
#include "signals.h"

namespace bench {
namespace {

// Layout as in redirect.bpf.c.
struct FlowKey {
  uint32_t address;
  uint16_t port;
  uint16_t channel;
};
struct FlowTarget {
  uint32_t source_address;
  uint32_t destination_address;
  uint16_t source_port;
  uint16_t destination_port;
  uint8_t source_mac[6];
  uint8_t destination_mac[6];
  uint32_t device;
};

void PutFlow(int map_fd, const sockaddr_in& client, uint16_t channel, const FlowTarget& target) {
  const FlowKey key{client.sin_addr.s_addr, client.sin_port, htons(channel)};
  if (bpf_map_update_elem(map_fd, &key, &target, BPF_ANY) != 0) FailSystem("cannot add a flow");
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const std::string in = arguments.Text("in");
  const std::string out = arguments.Text("out");
  BpfObject object(arguments.Text("object"));
  const uint64_t flows = arguments.Number("flows", 1);
  const uint64_t ports_per_address = arguments.Number("ports-per-address", 20'000);
  const sockaddr_in first_client = arguments.Address("client");
  const sockaddr_in source = arguments.Address("source");
  const sockaddr_in destination = arguments.Address("destination");
  const Mac next_hop = ParseMac(arguments.Text("next-hop"));
  const Mac own = ParseMac(arguments.Text("mac"));
  const uint16_t channel = static_cast<uint16_t>(arguments.Number("channel", 0x4000));
  arguments.CheckAllUsed();
  HoldEndSignals();
  object.Load("redirect");

  FlowTarget target{};
  target.source_address = source.sin_addr.s_addr;
  target.destination_address = destination.sin_addr.s_addr;
  target.source_port = source.sin_port;
  target.destination_port = destination.sin_port;
  std::memcpy(target.source_mac, own.data(), own.size());
  std::memcpy(target.destination_mac, next_hop.data(), next_hop.size());
  target.device = static_cast<uint32_t>(InterfaceIndex(out));
  for (uint64_t flow = 0; flow < flows; ++flow) {
    PutFlow(object.MapFd("flows"), NthSource(first_client, flow, ports_per_address), channel,
            target);
  }
  AttachXdp(object, in);
  std::printf("ready\n");
  std::fflush(stdout);
  WaitForEndSignal();
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
