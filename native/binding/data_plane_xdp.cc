// The state of the fast path, as reported to JavaScript.
#include "binding/data_plane.h"
#include "binding/open_options.h"
#include "io/clock.h"

namespace turnpike {

void DataPlaneObject::OpenXdp(const OpenOptions& options) {
  if (options.xdp_interfaces.empty()) return;
  const PlaneOptions& plane = options.plane;
  XdpOptions xdp;
  xdp.interfaces = options.xdp_interfaces;
  xdp.generic_allowed = options.xdp_generic;
  xdp.strict = options.xdp_strict;
  xdp.sizes = XdpSizes{plane.client_flows_max, plane.sessions_max, plane.remote_relays_max};
  xdp.addresses = XdpAddresses{
      pool_.addresses(Side::kClient), pool_.addresses(Side::kTrunk), pool_.lane_ports(), {}};
  for (const RelayedIp& ip : plane.relayed_ips) xdp.addresses.relayed_ips.push_back(ip.bound);
  xdp.initial_sequence = NextInitialSequence();
  xdp.counters = plane.counters + (plane.workers + 1) * kCounterRowCells;
  xdp.traffic = plane.traffic + size_t{plane.workers} * plane.remote_relays_max;
  xdp.legs.flows = options.leg_flows;
  xdp.legs.sessions =
      plane.session_traffic + size_t{plane.workers} * SessionTable::Slots(plane.sessions_max);
  xdp_status_ = xdp_.Open(xdp);
  xdp_active_ = xdp_status_.ok();
  if (xdp_active_) controller_->UseFastPath(&xdp_);
}

Napi::Value DataPlaneObject::XdpMode(const Napi::CallbackInfo& info) {
  const char* mode = !xdp_active_ ? "off" : xdp_.generic() ? "generic" : "native";
  return Napi::String::New(info.Env(), mode);
}

Napi::Value DataPlaneObject::XdpReason(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), xdp_status_.message);
}

Napi::Value DataPlaneObject::XdpAttached(const Napi::CallbackInfo& info) {
  const std::vector<std::string> names = xdp_.AttachedDevices();
  Napi::Array attached = Napi::Array::New(info.Env(), names.size());
  for (uint32_t i = 0; i < names.size(); ++i) {
    attached.Set(i, Napi::String::New(info.Env(), names[i]));
  }
  return attached;
}

Napi::Value DataPlaneObject::XdpFindings(const Napi::CallbackInfo& info) {
  const std::vector<XdpPlane::HostFinding> findings = xdp_.HostFindings();
  Napi::Array array = Napi::Array::New(info.Env(), findings.size());
  for (uint32_t i = 0; i < findings.size(); ++i) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("kind", LabelOf(findings[i].finding.kind));
    object.Set("what", findings[i].finding.what);
    // Fewer than 53 bits.
    object.Set("sockets", static_cast<double>(findings[i].finding.sockets));
    object.Set("device", findings[i].finding.device);
    object.Set("leavesOut", findings[i].leaves_out);
    array.Set(i, object);
  }
  return array;
}

Napi::Value DataPlaneObject::XdpFarEnds(const Napi::CallbackInfo& info) {
  const std::vector<XdpPlane::DoubtfulDevice> devices = xdp_.DoubtfulDevices();
  Napi::Array array = Napi::Array::New(info.Env(), devices.size());
  for (uint32_t i = 0; i < devices.size(); ++i) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("device", devices[i].name);
    object.Set("program", devices[i].far_end == FarEnd::kNoProgram ? "none" : "unknown");
    array.Set(i, object);
  }
  return array;
}

}  // namespace turnpike
