// Attaches the far end's counter, and prints its counts when the program is signalled to end.
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "arguments.h"
#include "bpf_object.h"
#include "signals.h"

namespace bench {
namespace {

struct Counts {
  uint64_t packets;
  uint64_t datagrams;
  uint64_t payload_bytes;
  uint64_t candidates;
};

void AttachTc(const BpfObject& object, const std::string& interface) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = InterfaceIndex(interface);
  hook.attach_point = BPF_TC_INGRESS;
  const int made = bpf_tc_hook_create(&hook);
  if (made != 0 && made != -EEXIST) Fail("cannot make a tc hook on " + interface);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.prog_fd = object.program_fd();
  // A fixed handle, so that a new counter replaces the old one.
  options.handle = 1;
  options.priority = 1;
  options.flags = BPF_TC_F_REPLACE;
  if (bpf_tc_attach(&hook, &options) != 0) Fail("cannot attach to tc on " + interface);
}

void DetachTc(const std::string& interface) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = InterfaceIndex(interface);
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  bpf_tc_hook_destroy(&hook);
}

// Returns the counts of all CPUs together. The candidates become those that were passed on.
Counts ReadCounts(int map_fd, uint32_t sample_one_in) {
  std::vector<Counts> by_cpu(static_cast<size_t>(libbpf_num_possible_cpus()));
  const uint32_t key = 0;
  if (bpf_map_lookup_elem(map_fd, &key, by_cpu.data()) != 0) FailSystem("cannot read the counter");
  Counts total{};
  for (const Counts& counts : by_cpu) {
    total.packets += counts.packets;
    total.datagrams += counts.datagrams;
    total.payload_bytes += counts.payload_bytes;
    total.candidates += counts.candidates / std::max(sample_one_in, 1u);
  }
  return total;
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const bool xdp = arguments.Text("hook", "tc") == "xdp";
  const std::string interface = arguments.Text("interface");
  BpfObject object(arguments.Text("object"));
  const uint16_t port = static_cast<uint16_t>(arguments.Number("port", 0));
  const uint64_t ports = arguments.Number("ports", 1);
  const uint32_t sample_one_in = static_cast<uint32_t>(arguments.Number("sample-one-in", 0));
  object.SetConstant("sample_one_in", sample_one_in);
  object.SetConstant("first_port", port);
  object.SetConstant("last_port", static_cast<uint16_t>(port + ports - 1));
  arguments.CheckAllUsed();
  HoldEndSignals();
  object.Load(xdp ? "count_xdp" : "count_tc");
  if (xdp) {
    AttachXdp(object, interface);
  } else {
    AttachTc(object, interface);
  }
  std::printf("ready\n");
  std::fflush(stdout);
  WaitForEndSignal();
  const Counts counts = ReadCounts(object.MapFd("delivered"), sample_one_in);
  if (!xdp) DetachTc(interface);
  std::printf("{\"packets\":%llu,\"datagrams\":%llu,\"payloadBytes\":%llu,\"sampled\":%llu}\n",
              static_cast<unsigned long long>(counts.packets),
              static_cast<unsigned long long>(counts.datagrams),
              static_cast<unsigned long long>(counts.payload_bytes),
              static_cast<unsigned long long>(counts.candidates));
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
