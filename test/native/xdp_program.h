// The BPF object of the fast path, run by the kernel on given frames (BPF_PROG_RUN) without a
// device.
#pragma once

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/bpf_map.h"
#include "xdp/program_loader.h"
#include "xdp_path.h"

namespace turnpike::test {

class ProgramPath : public XdpPath {
 public:
  ProgramPath() {
    // Pins the thread to one CPU, so that one lane is used.
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof(allowed), &allowed);
    while (!CPU_ISSET(cpu_, &allowed)) ++cpu_;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu_, &one);
    sched_setaffinity(0, sizeof(one), &one);
    allowed_ = allowed;
    tp_sizes sizes{};
    sizes.flows = sizes.sessions = sizes.relays = sizes.windows = sizes.traffics = 64;
    sizes.destinations = sizes.hops = sizes.flow_cells = sizes.session_cells = 64;
    sizes.flows_carried = sizes.sessions_carried = 64;
    sizes.buckets = kBuckets;
    error_ = -tp_program_load(&sizes, &program_, &step_);
    if (error_ == 0) error_ = buckets_.Map(program_.buckets, kBuckets).error_number;
  }
  ~ProgramPath() override {
    if (error_ == 0) tp_program_close(&program_);
    sched_setaffinity(0, sizeof(allowed_), &allowed_);
  }

  // 0, or the errno of the failed load and the step that failed.
  int error() const { return error_; }
  const char* step() const { return step_; }
  uint32_t cpu() const { return cpu_; }
  const tp_program& program() const { return program_; }

  void PutFlow(const tp_flow_key& key, const tp_flow& flow) override {
    Put(program_.flows, &key, &flow);
  }
  void PutSession(uint32_t index, const tp_session& session) override {
    Put(program_.sessions, &index, &session);
  }
  void PutRemoteRelay(uint32_t relay_index, const tp_remote_relay& relay) override {
    Put(program_.relays, &relay_index, &relay);
  }
  void PutDestination(uint32_t index, const tp_destination& destination) override {
    Put(program_.destinations, &index, &destination);
  }
  void PutHop(uint32_t index, const tp_hop& hop) override {
    // Frames of BPF_PROG_RUN arrive on the loopback device.
    tp_hop real = hop;
    if (real.ifindex == kIngress) real.ifindex = 1;
    Put(program_.hops, &index, &real);
  }
  void SetToday(uint16_t today) override {
    settings_.today = today;
    Put(program_.settings, &kZero, &settings_);
  }
  void LeaveOut(uint64_t sockets) override {
    settings_.left_out = sockets;
    Put(program_.settings, &kZero, &settings_);
  }
  void SetAnyBounded(bool any) override {
    settings_.any_bounded = any;
    Put(program_.settings, &kZero, &settings_);
  }
  BandwidthBuckets::Shared SharedBuckets() override {
    return {reinterpret_cast<BandwidthBuckets::Cell*>(buckets_.memory()), kBuckets};
  }
  void SetSecond(uint32_t second) override {
    settings_.second = second;
    Put(program_.settings, &kZero, &settings_);
  }
  void SetNextSequence(uint64_t sequence) override {
    std::vector<tp_cpu> cpus = Cpus();
    for (tp_cpu& cpu : cpus) cpu.next_sequence = sequence;
    Put(program_.cpus, &kZero, cpus.data());
  }
  uint64_t Count(tp_counter counter) override { return Cpus()[cpu_].counts[counter]; }
  tp_traffic Traffic(uint32_t relay_index) override {
    std::vector<tp_traffic> traffic(PossibleCpus());
    LookUpBpfMap(program_.traffics, &relay_index, traffic.data());
    return traffic[cpu_];
  }

  using XdpPath::Run;
  Passage Run(const Bytes& frame, uint8_t* lane) override {
    *lane = static_cast<uint8_t>(TP_LANE_FIRST + cpu_);
    Passage passage;
    passage.frame.resize(frame.size() + 256);
    bpf_attr attributes{};
    attributes.test.prog_fd = static_cast<uint32_t>(program_.program);
    attributes.test.data_in = reinterpret_cast<uintptr_t>(frame.data());
    attributes.test.data_size_in = static_cast<uint32_t>(frame.size());
    attributes.test.data_out = reinterpret_cast<uintptr_t>(passage.frame.data());
    attributes.test.data_size_out = static_cast<uint32_t>(passage.frame.size());
    attributes.test.repeat = 1;
    if (syscall(__NR_bpf, BPF_PROG_RUN, &attributes, sizeof(attributes)) != 0) return {-errno, {}};
    passage.action = static_cast<int>(attributes.test.retval);
    passage.frame.resize(attributes.test.data_size_out);
    return passage;
  }

 private:
  static constexpr uint32_t kZero = 0;
  static constexpr uint32_t kBuckets = 4;

  static void Put(int map, const void* key, const void* value) {
    const int error = UpdateBpfMap(map, key, value);
    if (error != 0) ADD_FAILURE() << "a map took no entry: " + std::to_string(error);
  }
  std::vector<tp_cpu> Cpus() {
    std::vector<tp_cpu> cpus(PossibleCpus());
    LookUpBpfMap(program_.cpus, &kZero, cpus.data());
    return cpus;
  }

  tp_program program_{};
  tp_config settings_{};
  BpfArray<tp_bucket> buckets_;
  const char* step_ = "";
  int error_ = 0;
  uint32_t cpu_ = 0;
  cpu_set_t allowed_;
};

}  // namespace turnpike::test
