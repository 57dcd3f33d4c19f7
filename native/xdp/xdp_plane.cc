#include "xdp/xdp_plane.h"

#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/thread.h"
#include "base/units.h"
#include "xdp/coarse_clock.h"
#include "xdp/devices.h"

namespace turnpike {

namespace {

constexpr int kTickMs = 100;
constexpr uint32_t kTicksPerSecond = 10;
// Destinations resolved in one iteration of the upkeep thread.
constexpr int kResolvedInTurnMax = 64;

Status LoadFailed(const char* step, int error) {
  if (error == EPERM || error == EACCES) {
    return Status{StatusCode::kSystem, error, "XDP needs the rights CAP_BPF and CAP_NET_ADMIN", {}};
  }
  const char* hint = error == EINVAL || error == ENOSYS ? "; it needs Linux 5.15 or newer" : "";
  return Status::System(std::string("cannot ") + step + " for XDP" + hint, error);
}

Status AttachFailed(const std::string& name, int error) {
  if (error == EBUSY || error == EEXIST) {
    return Status::System("another XDP program is attached to " + name, error);
  }
  if (error == EPERM) return LoadFailed("attach", error);
  return Status::System("the driver of " + name + " cannot run XDP as it is set up", error);
}

}  // namespace

Status XdpPlane::Open(const XdpOptions& options) {
  Status status = Load(options);
  if (status.ok()) status = clock_.Start(&tables_);
  if (status.ok()) status = AttachAll(options);
  if (status.ok()) status = StartUpkeep();
  if (!status.ok()) Close();
  return status;
}

Status XdpPlane::Load(const XdpOptions& options) {
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  return Status{StatusCode::kSystem, 0, "XDP needs a little-endian machine", {}};
#endif
  const tp_sizes sizes = XdpTables::MapSizes(options.sizes);
  const char* step = "";
  if (const int error = tp_program_load(&sizes, &program_, &step); error != 0) {
    return LoadFailed(step, -error);
  }
  relays_max_ = options.sizes.remote_relays_max;
  counters_.Open(program_, options.counters, options.traffic, relays_max_);
  Status status = tables_.Open(program_, options.sizes, options.addresses, options.legs);
  if (status.ok()) status = counters_.StartLanes(options.initial_sequence);
  if (status.ok()) status = events_.Open();
  if (!status.ok()) return status;
  BeginDay();
  strict_ = options.strict;
  FillScope(options.addresses);
  host_rules_.Open(strict_);
  return status;
}

void XdpPlane::FillScope(const XdpAddresses& addresses) {
  const auto add = [this](Side side, size_t index, const TransportAddress& bound) -> HostSocket& {
    HostSocket socket;
    socket.number = TransportHandle::OfListener(side, static_cast<uint32_t>(index)).id();
    socket.is_ipv4 = bound.ip.IsIpv4();
    socket.is_wildcard = bound.ip.IsWildcard();
    if (!socket.is_wildcard) socket.ips = {bound.ip};
    socket.ports = {bound.port};
    return scope_.sockets.emplace_back(std::move(socket));
  };
  for (size_t i = 0; i < addresses.clients.size(); ++i) {
    add(Side::kClient, i, addresses.clients[i]);
  }
  for (size_t i = 0; i < addresses.trunks.size(); ++i) {
    HostSocket& socket = add(Side::kTrunk, i, addresses.trunks[i]);
    const std::vector<uint16_t>& lanes = addresses.trunk_lane_ports[i];
    socket.ports.insert(socket.ports.end(), lanes.begin(), lanes.end());
  }
  const std::vector<IpAddress>& relayed = addresses.relayed_ips;
  for (size_t i = 0; i < std::min<size_t>(relayed.size(), kRelayedIpsForwardedMax); ++i) {
    HostSocket socket;
    socket.number = static_cast<uint16_t>(TP_RELAYED_FIRST + i);
    socket.is_ipv4 = relayed[i].IsIpv4();
    socket.ips = {relayed[i]};
    socket.has_all_ports = true;
    scope_.sockets.push_back(std::move(socket));
  }
}

Status XdpPlane::AttachAll(const XdpOptions& options) {
  int error = 0;
  Status status = AttachIn(mode(), options.interfaces, &error);
  // EBUSY, EEXIST and EPERM mean that another program is attached or that rights are missing.
  // Generic mode would not help.
  const bool refused = error != 0 && error != EBUSY && error != EEXIST && error != EPERM;
  if (!refused || !options.generic_allowed) return status;
  // All devices change to generic mode: a frame received in driver mode cannot be redirected to a
  // device without XDP support and would be lost silently.
  Detach();
  generic_ = true;
  return AttachIn(mode(), options.interfaces, &error);
}

uint32_t XdpPlane::mode() const { return generic_ ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE; }

Status XdpPlane::AttachIn(uint32_t mode, const std::vector<std::string>& interfaces, int* error) {
  for (const std::string& name : interfaces) {
    const uint32_t ifindex = if_nametoindex(name.c_str());
    if (ifindex == 0) return Status::System("there is no network device " + name, errno);
    const int link = LinkXdp(program_.program, ifindex, mode);
    if (link < 0) {
      *error = -link;
      return AttachFailed(name, -link);
    }
    attached_.push_back(Attached{name, ifindex, link});
  }
  return {};
}

void XdpPlane::Detach() {
  const std::lock_guard lock(mutex_);
  for (const Attached& attached : attached_) {
    if (attached.link >= 0) close(attached.link);
  }
  attached_.clear();
}

Status XdpPlane::StartUpkeep() {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return Status::System("cannot create an eventfd", errno);
  RefreshDevices();
  RefreshAddresses();
  LookAtHost();
  far_ends_.Open();
  LookAtFarEnds();
  Status status = StartThread<XdpPlane, &XdpPlane::Upkeep>("turnpike-xdp", this, &thread_);
  running_ = status.ok();
  return status;
}

void XdpPlane::Wake() {
  const uint64_t one = 1;
  // The write fails only when the counter is full, and then the thread wakes anyway.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void XdpPlane::Close() {
  const std::lock_guard closing(close_mutex_);
  stop_ = true;
  if (running_) {
    Wake();
    pthread_join(thread_, nullptr);
    running_ = false;
    Collect();
  }
  if (wake_fd_ >= 0) close(wake_fd_);
  wake_fd_ = -1;
  Detach();
  // The program judges entries by this clock as long as it is attached.
  clock_.Stop();
  tp_program_close(&program_);
}

void XdpPlane::AddRelayed(TransportHandle relayed, const TransportAddress& bound) {
  const std::lock_guard lock(mutex_);
  tables_.AddRelayed(relayed, bound);
}

void XdpPlane::RemoveRelayed(TransportHandle relayed) {
  const std::lock_guard lock(mutex_);
  tables_.RemoveRelayed(relayed);
}

uint32_t XdpPlane::PutFlow(const FlowKey& key, const FlowAction& action, uint32_t slot,
                           Expiry expiry) {
  const std::lock_guard lock(mutex_);
  const uint32_t cell = tables_.PutFlow(key, action, slot, expiry);
  if (tables_.next_hops().waiting()) Wake();
  return cell;
}

void XdpPlane::RefreshFlow(const FlowKey& key, Expiry expiry) {
  const std::lock_guard lock(mutex_);
  tables_.RefreshFlow(key, expiry);
}

void XdpPlane::RemoveFlow(const FlowKey& key) {
  const std::lock_guard lock(mutex_);
  tables_.RemoveFlow(key);
}

void XdpPlane::MoveFlow(const FlowKey& key, uint32_t slot) {
  const std::lock_guard lock(mutex_);
  tables_.MoveFlow(key, slot);
}

void XdpPlane::CountFlow(const FlowKey& key) {
  const std::lock_guard lock(mutex_);
  tables_.CountFlow(key);
}

void XdpPlane::ClearFlowTraffic(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  tables_.ClearFlowTraffic(slot);
}

void XdpPlane::PutSession(const SessionAction& action, Expiry expiry) {
  const std::lock_guard lock(mutex_);
  tables_.PutSession(action, expiry);
  if (tables_.next_hops().waiting()) Wake();
}

void XdpPlane::RefreshSession(uint32_t index, Expiry expiry) {
  const std::lock_guard lock(mutex_);
  tables_.RefreshSession(index, expiry);
}

void XdpPlane::RemoveSession(uint32_t index) {
  const std::lock_guard lock(mutex_);
  tables_.RemoveSession(index);
}

void XdpPlane::PutRemoteRelay(uint32_t relay_index, const RemoteRelay& relay) {
  const std::lock_guard lock(mutex_);
  tables_.PutRemoteRelay(relay_index, relay);
  if (tables_.next_hops().waiting()) Wake();
}

void XdpPlane::RemoveRemoteRelay(uint32_t relay_index) {
  const std::lock_guard lock(mutex_);
  counters_.CollectTraffic(relay_index);
  tables_.RemoveRemoteRelay(relay_index);
}

void XdpPlane::RefreshDevices() {
  std::vector<Device> devices;
  scope_.devices.clear();
  for (Attached& attached : attached_) {
    Device device;
    const bool exists = ReadDevice(attached.name, &device);
    if (exists) scope_.devices.push_back({attached.name, device.ifindex});
    attached.present = exists && !attached.left_out && Follow(device, &attached);
    if (attached.present) devices.push_back(device);
    if (!attached.left_out || attached.link < 0) continue;
    close(attached.link);
    attached.link = -1;
    // The next device of this name is attached again.
    attached.ifindex = 0;
  }
  tables_.next_hops().SetDevices(std::move(devices));
}

bool XdpPlane::IsAnyAbsent() const {
  return std::any_of(attached_.begin(), attached_.end(),
                     [](const Attached& each) { return !each.present && !each.left_out; });
}

bool XdpPlane::Follow(const Device& device, Attached* attached) {
  if (device.ifindex == attached->ifindex) return true;
  const int link = LinkXdp(program_.program, device.ifindex, mode());
  if (link < 0) return false;
  if (attached->link >= 0) close(attached->link);
  attached->link = link;
  attached->ifindex = device.ifindex;
  return true;
}

void XdpPlane::RefreshAddresses() {
  std::vector<std::string> names;
  for (const Attached& attached : attached_) names.push_back(attached.name);
  const std::vector<IpAddress> addresses = LocalAddresses(names);
  for (HostSocket& socket : scope_.sockets) {
    if (!socket.is_wildcard) continue;
    socket.ips.clear();
    for (const IpAddress& ip : addresses) {
      if (ip.IsIpv4() == socket.is_ipv4) socket.ips.push_back(ip);
    }
  }
  tables_.SetLocalAddresses(addresses);
}

void XdpPlane::LookAtHost() {
  if (!host_rules_.Look(scope_, CoarseMonotonicNs())) return;
  uint64_t sockets = 0;
  std::vector<std::string> devices;
  for (const Finding& finding : host_rules_.findings()) {
    if (finding.kind == FindingKind::kFilter && !strict_) continue;
    sockets |= finding.sockets;
    if (!finding.device.empty()) devices.push_back(finding.device);
  }
  const std::lock_guard lock(mutex_);
  findings_ = host_rules_.findings();
  tables_.LeaveOut(sockets);
  for (Attached& attached : attached_) {
    attached.left_out = std::count(devices.begin(), devices.end(), attached.name) > 0;
  }
  RefreshDevices();
}

void XdpPlane::BeginDay() {
  timespec wall;
  clock_gettime(CLOCK_REALTIME_COARSE, &wall);
  const int today = TrunkEpochOf(static_cast<uint64_t>(std::max<time_t>(wall.tv_sec, 0)));
  if (today == today_) return;
  today_ = today;
  tables_.SetToday(static_cast<uint16_t>(today));
}

void XdpPlane::Collect() {
  counters_.Collect();
  tables_.CountLegs();
  for (uint32_t relay_index = 0; relay_index < relays_max_; ++relay_index) {
    if (tables_.HasRemoteRelay(relay_index)) counters_.CollectTraffic(relay_index);
  }
}

void XdpPlane::Upkeep() {
  uint64_t next_tick_ns = 0;
  while (!stop_) {
    const uint64_t now_ns = CoarseMonotonicNs();
    const bool tick = now_ns >= next_tick_ns;
    if (tick) next_tick_ns = now_ns + uint64_t{kTickMs} * 1'000'000;
    UpkeepTurn(tick);
    std::vector<pollfd> polled{{wake_fd_, POLLIN, 0}, {events_.fd(), POLLIN, 0}};
    for (const int fd : host_rules_.event_fds()) polled.push_back({fd, POLLIN, 0});
    poll(polled.data(), polled.size(), kTickMs);
    uint64_t wakes;
    [[maybe_unused]] const ssize_t got = read(wake_fd_, &wakes, sizeof(wakes));
  }
}

void XdpPlane::UpkeepTurn(bool tick) {
  LookAtHost();
  {
    const std::lock_guard lock(mutex_);
    NextHops& next_hops = tables_.next_hops();
    const NetlinkEvents::Changes changes = events_.Take(
        [&next_hops](const Neighbour& neighbour) { next_hops.OnNeighbour(neighbour); });
    // Link changes are applied without the throttle: frames sent through a removed link are lost.
    if (changes.links) RefreshDevices();
    if (changes.any) refresh_throttle_.OnNews();
    if (refresh_throttle_.Due(CoarseMonotonicNs())) {
      RefreshDevices();
      RefreshAddresses();
      next_hops.ResolveAllAgain();
    }
    if (tick) {
      BeginDay();
      Collect();
      tables_.ShareWindows();
      tables_.RetryOneRelay();
      if (++ticks_ % kTicksPerSecond == 0) {
        next_hops.ResolveSomeAgain();
        // No event tells when a device that another program held can be attached.
        if (IsAnyAbsent()) RefreshDevices();
        LookAtFarEnds();
      }
    }
  }
  // Releases the lock after each destination, so that the controlling thread does not wait for all
  // of them.
  for (int i = 0; i < kResolvedInTurnMax && !stop_; ++i) {
    const std::lock_guard lock(mutex_);
    if (!tables_.next_hops().ResolveOne()) return;
  }
  // More destinations may wait.
  Wake();
}

}  // namespace turnpike
