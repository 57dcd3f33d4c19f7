// Open-loop generator for rates that sockets cannot reach: the kernel runs a BPF program on live
// frames. Sends ChannelData, or with content=raw the payload alone.
#include <bpf/bpf.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "arguments.h"
#include "bpf/live_state.h"
#include "bpf_object.h"
#include "clock.h"
#include "headers.h"
#include "pace_report.h"
#include "pacer.h"
#include "payload.h"

namespace bench {
namespace {

constexpr size_t kHeadBytes = kFrameHeadBytes + kChannelHeadBytes;
static_assert(kHeadBytes == LIVE_HEAD_BYTES);
// Frames that the kernel passes to the device at once.
constexpr uint32_t kKernelBatch = 64;

// Repetitions; large enough that the program runs until a signal arrives.
constexpr int kRepeatMax = 2'000'000'000;

// Channel that stands for the payload alone.
constexpr uint16_t kNoChannel = 0;

size_t PayloadAt(uint16_t channel) { return channel == kNoChannel ? kFrameHeadBytes : kHeadBytes; }

// Builds the frame of flow 0. Its payload head is zero except for the magic number.
std::vector<uint8_t> BuildFrame(const FrameHead& head, uint16_t channel, uint16_t size) {
  std::vector<uint8_t> frame(PayloadAt(channel) + size);
  const uint16_t words[2] = {htons(channel), htons(size)};
  if (channel != kNoChannel) std::memcpy(frame.data() + kFrameHeadBytes, words, sizeof(words));
  PayloadHead payload{};
  payload.magic = kPayloadMagic;
  std::memcpy(frame.data() + PayloadAt(channel), &payload, sizeof(payload));
  const size_t udp_bytes = frame.size() - kFrameHeadBytes;
  WriteHeaders(frame.data(), head, udp_bytes);
  CompleteUdpChecksum(frame.data(), udp_bytes);
  return frame;
}

// Gives the flows their destination ports.
void SetPorts(BpfObject& object, const std::vector<uint32_t>& ports) {
  for (uint32_t flow = 0; flow < ports.size(); ++flow) {
    if (bpf_map_update_elem(object.MapFd("destination_ports"), &flow, &ports[flow], BPF_ANY) != 0) {
      FailSystem("cannot set a destination port");
    }
  }
}

// Builds the first bytes of each frame, by size.
std::array<live_size, LIVE_SIZES_MAX> BuildSizes(const FrameHead& head, uint16_t channel,
                                                 const std::vector<uint32_t>& sizes_bytes) {
  std::array<live_size, LIVE_SIZES_MAX> sizes{};
  if (sizes_bytes.size() > sizes.size()) Fail("more sizes than a live generator knows");
  for (size_t i = 0; i < sizes_bytes.size(); ++i) {
    if (sizes_bytes[i] < kPayloadBytesMin) Fail("a payload has at least 24 bytes");
    const auto frame = BuildFrame(head, channel, static_cast<uint16_t>(sizes_bytes[i]));
    sizes[i].frame_bytes = static_cast<uint32_t>(frame.size());
    std::memcpy(sizes[i].head, frame.data(), kHeadBytes);
  }
  return sizes;
}

// Runs the program until the timer's signal interrupts the system call.
void RunFor(double seconds, int program_fd, std::vector<uint8_t> frame) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(seconds);
  timer.it_value.tv_usec =
      static_cast<suseconds_t>((seconds - static_cast<double>(timer.it_value.tv_sec)) * 1e6);
  setitimer(ITIMER_REAL, &timer, nullptr);
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.repeat = kRepeatMax;
  options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  options.batch_size = kKernelBatch;
  const int result = bpf_prog_test_run_opts(program_fd, &options);
  if (result != 0 && result != -EINTR) FailSystem("BPF_PROG_RUN");
}

// Returns a copy of the state after the program has ended.
live_state ReadState(int map_fd) {
  live_state state{};
  const uint32_t key = 0;
  if (bpf_map_lookup_elem(map_fd, &key, &state) != 0) FailSystem("cannot read the generator");
  return state;
}

// Starts the clock: the first frame is due now, and idle time counts from now.
void StartState(int map_fd) {
  live_state state{};
  state.due_ns = MonotonicNs();
  state.last_run_ns = state.due_ns;
  const uint32_t key = 0;
  if (bpf_map_update_elem(map_fd, &key, &state, BPF_ANY) != 0) FailSystem("cannot set the state");
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const std::string interface = arguments.Text("interface");
  BpfObject object(arguments.Text("object"));
  FrameHead head;
  head.source_mac = MacOf(interface);
  head.destination_mac = ParseMac(arguments.Text("next-hop"));
  head.source = arguments.Address("source");
  head.destination = arguments.Address("destination");
  const bool raw = arguments.Text("content", "channel") == "raw";
  const uint16_t channel =
      raw ? kNoChannel : static_cast<uint16_t>(arguments.Number("channel", 0x4000));
  const std::string ports_text = arguments.Text("destination-ports", "");
  const std::vector<uint32_t> ports =
      ports_text.empty() ? std::vector<uint32_t>{} : arguments.Numbers("destination-ports", "");
  const std::vector<uint32_t> sizes_bytes = arguments.Numbers("sizes", "100");
  const double rate = arguments.Real("rate", 0);
  const double seconds = arguments.Real("seconds", 1);
  const uint64_t frames_max = arguments.Number("count", 0);
  object.SetConstant("interval_ns", static_cast<uint64_t>(rate > 0 ? 1e9 / rate : 0));
  object.SetConstant("chunk", static_cast<uint32_t>(arguments.Number("chunk", 1)));
  object.SetConstant("frames_max", frames_max > 0 ? frames_max : ~uint64_t{0});
  object.SetConstant("flows", static_cast<uint32_t>(arguments.Number("flows", 1)));
  object.SetConstant("device", static_cast<uint32_t>(InterfaceIndex(interface)));
  object.SetConstant("magic", kPayloadMagic);
  object.SetConstant("payload_at", static_cast<uint32_t>(PayloadAt(channel)));
  object.SetConstant("ports_count", static_cast<uint32_t>(ports.size()));
  object.SetConstant("wall_offset_ns", WallNs() - MonotonicNs());
  PinToCpu(static_cast<int>(arguments.Real("cpu", -1)));
  arguments.CheckAllUsed();

  object.SetConstant("sizes", BuildSizes(head, channel, sizes_bytes));
  object.SetConstant("sizes_count", static_cast<uint32_t>(sizes_bytes.size()));
  object.Load("generate");
  SetPorts(object, ports);
  const int state_fd = object.MapFd("state");
  StartState(state_fd);
  const uint64_t start_ns = MonotonicNs();
  const uint32_t largest = *std::max_element(sizes_bytes.begin(), sizes_bytes.end());
  RunFor(seconds, object.program_fd(), BuildFrame(head, channel, static_cast<uint16_t>(largest)));
  const live_state state = ReadState(state_fd);
  PaceReport report;
  report.sent = state.sequence;
  report.chunks = state.sequence;
  report.skipped = state.skipped;
  report.latest_ns = state.latest_ns;
  report.idle_ns = state.idle_ns;
  report.elapsed_ns = MonotonicNs() - start_ns;
  Print(report);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
