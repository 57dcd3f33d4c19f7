#include "xdp/xdp_counters.h"

#include "base/bpf_map.h"

namespace turnpike {

namespace {

// A counter of the program and a counter of the data plane that it is added to.
struct Meaning {
  tp_counter from;
  Counter to;
};

constexpr Counter ToCounter(Verdict verdict) { return static_cast<Counter>(verdict); }

// A forwarded packet counts as received on one side and as sent on the other.
constexpr Meaning kMeanings[] = {
    {TP_COUNT_CLIENT_TO_TRUNK, ToCounter(Verdict::kClientToTrunk)},
    {TP_COUNT_CLIENT_TO_TRUNK, Counter::kClientRxPackets},
    {TP_COUNT_CLIENT_TO_TRUNK, Counter::kTrunkTxPackets},
    {TP_COUNT_CLIENT_TO_CLIENT, ToCounter(Verdict::kClientToClient)},
    {TP_COUNT_CLIENT_TO_CLIENT, Counter::kClientRxPackets},
    {TP_COUNT_CLIENT_TO_CLIENT, Counter::kClientTxPackets},
    {TP_COUNT_CLIENT_TO_PEER, ToCounter(Verdict::kClientToPeer)},
    {TP_COUNT_CLIENT_TO_PEER, Counter::kClientRxPackets},
    {TP_COUNT_CLIENT_TO_PEER, Counter::kRelayedTxPackets},
    {TP_COUNT_PEER_TO_CLIENT, ToCounter(Verdict::kPeerToClient)},
    {TP_COUNT_PEER_TO_CLIENT, Counter::kRelayedRxPackets},
    {TP_COUNT_PEER_TO_CLIENT, Counter::kClientTxPackets},
    {TP_COUNT_TRUNK_TO_CLIENT, ToCounter(Verdict::kTrunkToClient)},
    {TP_COUNT_TRUNK_TO_CLIENT, ToCounter(Verdict::kTrunkData)},
    {TP_COUNT_TRUNK_TO_CLIENT, Counter::kTrunkRxPackets},
    {TP_COUNT_TRUNK_TO_CLIENT, Counter::kClientTxPackets},
    {TP_COUNT_TRUNK_WRONG_TAG, ToCounter(Verdict::kTrunkWrongTag)},
    {TP_COUNT_TRUNK_WRONG_TAG, Counter::kTrunkRxPackets},
    {TP_COUNT_TRUNK_REPLAYED, ToCounter(Verdict::kTrunkReplayed)},
    {TP_COUNT_TRUNK_REPLAYED, Counter::kTrunkRxPackets},
    {TP_COUNT_TRUNK_TOO_OLD, ToCounter(Verdict::kTrunkTooOld)},
    {TP_COUNT_TRUNK_TOO_OLD, Counter::kTrunkRxPackets},
    {TP_COUNT_REWRITE_FAILED, Counter::kSendErrors},
    {TP_COUNT_CLIENT_RX_BYTES, Counter::kClientRxBytes},
    {TP_COUNT_CLIENT_TX_BYTES, Counter::kClientTxBytes},
    {TP_COUNT_TRUNK_RX_BYTES, Counter::kTrunkRxBytes},
    {TP_COUNT_TRUNK_TX_BYTES, Counter::kTrunkTxBytes},
    {TP_COUNT_RELAYED_RX_BYTES, Counter::kRelayedRxBytes},
    {TP_COUNT_RELAYED_TX_BYTES, Counter::kRelayedTxBytes},
};

}  // namespace

void XdpCounters::Open(const tp_program& program, CounterCell* cells, TrunkTraffic* traffic,
                       uint32_t relays_max) {
  cpus_map_ = program.cpus;
  traffics_map_ = program.traffics;
  cells_ = cells;
  traffic_ = traffic;
  by_cpu_.resize(PossibleCpus());
  traffic_by_cpu_.resize(by_cpu_.size());
  traffic_counted_.resize(relays_max);
}

Status XdpCounters::StartLanes(uint64_t initial_sequence) {
  for (tp_cpu& cpu : by_cpu_) {
    cpu = tp_cpu{};
    cpu.next_sequence = initial_sequence;
  }
  const uint32_t zero = 0;
  const int error = UpdateBpfMap(cpus_map_, &zero, by_cpu_.data());
  return error == 0 ? Status{} : Status::System("cannot start the lanes of the CPUs", -error);
}

void XdpCounters::Collect() {
  const uint32_t zero = 0;
  if (LookUpBpfMap(cpus_map_, &zero, by_cpu_.data()) != 0) return;
  std::array<uint64_t, TP_COUNTER_COUNT> now{};
  for (const tp_cpu& cpu : by_cpu_) {
    for (size_t i = 0; i < now.size(); ++i) now[i] += cpu.counts[i];
  }
  for (const Meaning& meaning : kMeanings) {
    const uint64_t more = now[meaning.from] - counted_[meaning.from];
    if (more > 0) cells_[static_cast<size_t>(meaning.to)].Add(more);
  }
  counted_ = now;
}

void XdpCounters::CollectTraffic(uint32_t relay_index) {
  if (LookUpBpfMap(traffics_map_, &relay_index, traffic_by_cpu_.data()) != 0) return;
  tp_traffic now{};
  for (const tp_traffic& cpu : traffic_by_cpu_) {
    now.sent += cpu.sent;
    now.received += cpu.received;
    now.lost += cpu.lost;
  }
  tp_traffic& counted = traffic_counted_[relay_index];
  traffic_[relay_index].records_sent.Add(now.sent - counted.sent);
  traffic_[relay_index].records_received.Add(now.received - counted.received);
  for (; counted.lost > now.lost; --counted.lost) traffic_[relay_index].records_lost.TakeBackOne();
  traffic_[relay_index].records_lost.Add(static_cast<uint64_t>(now.lost - counted.lost));
  counted = now;
}

}  // namespace turnpike
