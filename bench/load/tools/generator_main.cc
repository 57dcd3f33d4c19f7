// Open-loop generator: sends prebuilt frames at a fixed rate and prints one line of JSON at the
// end.
#include <sys/prctl.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

#include "arguments.h"
#include "clock.h"
#include "frame_set.h"
#include "frame_source.h"
#include "pace_report.h"
#include "pacer.h"
#include "packet_sender.h"
#include "socket_sender.h"

namespace bench {
namespace {

volatile bool stop = false;

Content ContentOf(const std::string& name) {
  if (name == "raw") return Content::kRaw;
  if (name == "channel") return Content::kChannel;
  if (name == "trunk") return Content::kTrunk;
  if (name == "send") return Content::kSend;
  Fail("content is raw, channel, trunk or send, not " + name);
}

FrameOptions ReadFrameOptions(Arguments& arguments, size_t chunk) {
  FrameOptions options;
  options.content = ContentOf(arguments.Text("content", "raw"));
  options.flows = static_cast<uint32_t>(arguments.Number("flows", 1));
  options.burst = static_cast<uint32_t>(arguments.Number("burst", 1));
  options.segments = static_cast<uint32_t>(arguments.Number("segments", 1));
  options.records = static_cast<uint32_t>(arguments.Number("records", 1));
  options.sizes_bytes = arguments.Numbers("sizes", "100");
  options.frames_min = static_cast<uint32_t>(chunk);
  options.head.source = arguments.Address("source");
  options.head.destination = arguments.Address("destination");
  if (options.content == Content::kSend) options.peer = arguments.Address("peer");
  const std::string ports = arguments.Text("destination-ports", "");
  if (!ports.empty()) options.destination_ports = arguments.Numbers("destination-ports", "");
  options.ports_per_address = static_cast<uint32_t>(arguments.Number("ports-per-address", 20'000));
  options.channel = static_cast<uint16_t>(arguments.Number("channel", 0x4000));
  const std::string channels = arguments.Text("channels", "");
  if (!channels.empty()) options.channels = arguments.Numbers("channels", "");
  options.full_checksum = arguments.Text("checksum", "partial") == "full";
  if (options.content == Content::kTrunk) {
    options.trunk.key = turnpike::SipKey::FromBytes(arguments.Bytes("key", 16).data());
    options.trunk.epoch = static_cast<uint16_t>(arguments.Number("epoch"));
    options.trunk.lane = static_cast<uint8_t>(arguments.Number("lane", 0));
  }
  if (options.flows == 0 || options.burst == 0 || options.segments == 0 || options.records == 0) {
    Fail("flows, burst, segments and records are at least 1");
  }
  return options;
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  PaceOptions pace;
  pace.chunk = arguments.Number("chunk", 16);
  pace.payloads_per_second = arguments.Real("rate", 0);
  pace.seconds = arguments.Real("seconds", 1);
  pace.payloads_max = arguments.Number("count", 0);
  pace.shares_cpu = arguments.Number("shares-cpu", 0) != 0;
  if (pace.chunk == 0 || pace.chunk > kSendBatchMax) Fail("chunk is 1 to 64");
  FrameOptions options = ReadFrameOptions(arguments, pace.chunk);
  const std::string interface = arguments.Text("interface", "");
  if (!interface.empty()) {
    options.head.source_mac = MacOf(interface);
    options.head.destination_mac = ParseMac(arguments.Text("next-hop"));
  }
  const uint64_t initial_sequence = arguments.Number("first-sequence", 0);
  PinToCpu(static_cast<int>(arguments.Real("cpu", -1)));
  arguments.CheckAllUsed();
  // Timer slack of 1 ns instead of 50 µs, so that sleeps end on time.
  prctl(PR_SET_TIMERSLACK, 1);
  std::signal(SIGTERM, [](int) { stop = true; });
  std::signal(SIGINT, [](int) { stop = true; });

  FrameSet frames(options);
  frames.set_next_sequence(initial_sequence);
  std::unique_ptr<Sender> sender;
  if (interface.empty()) {
    sender = std::make_unique<SocketSender>(frames);
  } else {
    sender = std::make_unique<PacketSender>(frames, interface);
  }
  FrameSource source(frames, *sender);
  Print(Pace(source, pace, stop));
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
