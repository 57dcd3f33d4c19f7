#include "binding/open_options.h"

#include "base/interface.h"
#include "binding/scratch.h"

namespace turnpike {

namespace {

constexpr uintptr_t kCacheLineBytes = 64;

struct Memory {
  void* data = nullptr;
  size_t count = 0;
};

bool ReadNumber(const Napi::Object& options, const char* name, uint32_t min, uint32_t max,
                uint32_t* number) {
  const Napi::Value value = options.Get(name);
  if (!value.IsNumber()) return false;
  *number = value.As<Napi::Number>().Uint32Value();
  return *number >= min && *number <= max;
}

// Reads a typed array of one kind. Uses Node-API, because node-addon-api does not support arrays
// over shared memory.
bool ReadMemory(const Napi::Object& options, const char* name, napi_typedarray_type type,
                Memory* memory) {
  const Napi::Value value = options.Get(name);
  if (!value.IsTypedArray()) return false;
  napi_typedarray_type actual;
  const napi_status status = napi_get_typedarray_info(value.Env(), value, &actual, &memory->count,
                                                      &memory->data, nullptr, nullptr);
  return status == napi_ok && actual == type && memory->data != nullptr;
}

bool ReadAddresses(const Napi::Object& options, const char* name, size_t addresses_min,
                   size_t addresses_max, std::vector<TransportAddress>* addresses) {
  const Napi::Value value = options.Get(name);
  if (!value.IsTypedArray()) return false;
  const Napi::Uint8Array bytes = value.As<Napi::Uint8Array>();
  const size_t count = bytes.ByteLength() / sizeof(TransportAddress);
  if (count < addresses_min || count > addresses_max) return false;
  for (size_t i = 0; i < count; ++i) {
    addresses->push_back(Read<TransportAddress>(bytes.Data() + i * sizeof(TransportAddress)));
  }
  return true;
}

// Reads pairs of addresses: as bound, as advertised.
bool ReadRelayedIps(const Napi::Object& options, std::vector<RelayedIp>* ips) {
  std::vector<TransportAddress> both;
  if (!ReadAddresses(options, "relayedIps", 0, 2 * kRelayedIpsMax, &both)) return false;
  for (size_t i = 0; i + 1 < both.size(); i += 2) ips->push_back({both[i].ip, both[i + 1].ip});
  return both.size() % 2 == 0;
}

// Reads a list of CPU numbers, which may be empty.
bool ReadCpus(const Napi::Object& options, std::vector<uint32_t>* cpus) {
  const Napi::Value value = options.Get("cpus");
  if (!value.IsArray()) return false;
  const Napi::Array list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value cpu = list.Get(i);
    if (!cpu.IsNumber() || cpu.As<Napi::Number>().Uint32Value() >= kCpusMax) return false;
    cpus->push_back(cpu.As<Napi::Number>().Uint32Value());
  }
  return true;
}

bool ReadBoolean(const Napi::Object& object, const char* name, bool* value) {
  const Napi::Value given = object.Get(name);
  if (!given.IsBoolean()) return false;
  *value = given.As<Napi::Boolean>().Value();
  return true;
}

bool ReadXdp(const Napi::Object& object, OpenOptions* options) {
  const Napi::Value interfaces = object.Get("xdpInterfaces");
  if (!interfaces.IsArray() || !ReadBoolean(object, "xdpGeneric", &options->xdp_generic) ||
      !ReadBoolean(object, "xdpStrict", &options->xdp_strict)) {
    return false;
  }
  const Napi::Array list = interfaces.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value name = list.Get(i);
    if (!name.IsString()) return false;
    options->xdp_interfaces.push_back(name.As<Napi::String>().Utf8Value());
  }
  return true;
}

bool ReadSizes(const Napi::Object& object, PlaneOptions* plane) {
  return ReadNumber(object, "workers", 1, kWorkersMax, &plane->workers) &&
         ReadNumber(object, "clientFlowsMax", 1, kClientFlowsLimit, &plane->client_flows_max) &&
         ReadNumber(object, "sessionsMax", 1, kSessionsLimit, &plane->sessions_max) &&
         ReadNumber(object, "remoteRelaysMax", 1, kRemoteRelaysLimit, &plane->remote_relays_max) &&
         ReadNumber(object, "puntQueueBytes", kPuntQueueBytesMin, kPuntQueueBytesLimit,
                    &plane->punt_queue_bytes) &&
         ReadNumber(object, "socketBufferBytes", 1, 0x7fffffff, &plane->socket_buffer_bytes) &&
         ReadNumber(object, "trunkMtuBytes", kTrunkMtuBytesMin, kDatagramBytesMax,
                    &plane->trunk_mtu_bytes) &&
         ReadNumber(object, "coalescingUs", 0, kCoalescingUsMax, &plane->coalescing_us) &&
         ReadNumber(object, "busyPollUs", 0, kBusyPollUsMax, &plane->busy_poll_us) &&
         ReadNumber(object, "closedIndicationsPerSecond", 0, kClosedIndicationsPerSecondMax,
                    &plane->closed_indications_per_second) &&
         ReadCpus(object, &plane->cpus);
}

}  // namespace

bool ReadOpenOptions(const Napi::Value& value, OpenOptions* options) {
  if (!value.IsObject()) return false;
  const Napi::Object object = value.As<Napi::Object>();
  PlaneOptions& plane = options->plane;
  if (!ReadSizes(object, &plane) || !ReadXdp(object, options) ||
      !ReadAddresses(object, "clientAddresses", 1, kAddressesPerSideMax, &plane.client_addresses) ||
      !ReadAddresses(object, "trunkAddresses", 0, kAddressesPerSideMax, &plane.trunk_addresses) ||
      !ReadRelayedIps(object, &plane.relayed_ips) ||
      !ReadBoolean(object, "steering", &plane.steering)) {
    return false;
  }
  Memory counters;
  Memory traffic;
  Memory flows;
  Memory sessions;
  Memory scratch;
  if (!ReadMemory(object, "counters", napi_biguint64_array, &counters) ||
      !ReadMemory(object, "traffic", napi_biguint64_array, &traffic) ||
      !ReadMemory(object, "legFlows", napi_biguint64_array, &flows) ||
      !ReadMemory(object, "legSessions", napi_biguint64_array, &sessions) ||
      !ReadMemory(object, "scratch", napi_uint8_array, &scratch)) {
    return false;
  }
  const uintptr_t misaligned = reinterpret_cast<uintptr_t>(counters.data) % kCacheLineBytes;
  options->counter_offset =
      misaligned == 0 ? 0 : static_cast<uint32_t>((kCacheLineBytes - misaligned) / 8);
  const size_t counter_cells = options->counter_offset + (plane.workers + 2) * kCounterRowCells;
  const size_t traffic_cells =
      (size_t{plane.workers} + 1) * plane.remote_relays_max * (sizeof(TrunkTraffic) / 8);
  // The fast path counts flows in as many elements as all workers together, and sessions in as many
  // as one worker.
  const size_t planes = options->xdp_interfaces.empty() ? 1 : 2;
  const size_t leg_cells = sizeof(LegTraffic) / 8;
  const size_t flow_cells = (planes - 1) * plane.workers * plane.client_flows_max * leg_cells;
  const size_t session_cells =
      (plane.workers + planes - 1) * SessionTable::Slots(plane.sessions_max) * leg_cells;
  if (counters.count < counter_cells || traffic.count < traffic_cells || flows.count < flow_cells ||
      sessions.count < session_cells || scratch.count < kScratchBytes) {
    return false;
  }
  // The fast path leaves every socket out while a BPF program chooses among sockets. It saves more
  // than steering does.
  if (!options->xdp_interfaces.empty()) plane.steering = false;
  plane.counters = static_cast<CounterCell*>(counters.data) + options->counter_offset;
  plane.traffic = static_cast<TrunkTraffic*>(traffic.data);
  options->leg_flows = static_cast<LegTraffic*>(flows.data);
  plane.session_traffic = static_cast<LegTraffic*>(sessions.data);
  options->scratch = static_cast<const uint8_t*>(scratch.data);
  options->counters_memory = object.Get("counters").As<Napi::Object>();
  options->traffic_memory = object.Get("traffic").As<Napi::Object>();
  options->leg_flows_memory = object.Get("legFlows").As<Napi::Object>();
  options->leg_sessions_memory = object.Get("legSessions").As<Napi::Object>();
  options->scratch_memory = object.Get("scratch").As<Napi::Object>();
  const Napi::Value notify = object.Get("notify");
  if (!notify.IsFunction()) return false;
  options->notify = notify.As<Napi::Function>();
  return true;
}

}  // namespace turnpike
