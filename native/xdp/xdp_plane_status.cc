// The part of XdpPlane that tells how its devices and the host's rules are.
#include "xdp/xdp_plane.h"

namespace turnpike {

std::vector<std::string> XdpPlane::AttachedDevices() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const Attached& attached : attached_) {
    if (attached.present) names.push_back(attached.name);
  }
  return names;
}

std::vector<XdpPlane::HostFinding> XdpPlane::HostFindings() {
  const std::lock_guard lock(mutex_);
  std::vector<HostFinding> found;
  for (const Finding& finding : findings_) {
    found.push_back(HostFinding{finding, strict_ || finding.kind != FindingKind::kFilter});
  }
  return found;
}

std::vector<XdpPlane::DoubtfulDevice> XdpPlane::DoubtfulDevices() {
  const std::lock_guard lock(mutex_);
  std::vector<DoubtfulDevice> devices;
  for (const Attached& attached : attached_) {
    if (attached.far_end == FarEnd::kTakes) continue;
    devices.push_back(DoubtfulDevice{attached.name, attached.far_end});
  }
  return devices;
}

void XdpPlane::LookAtFarEnds() {
  // What generic mode sends takes the way of all other packets.
  if (generic_) return;
  for (Attached& attached : attached_) {
    attached.far_end = attached.present ? far_ends_.Look(attached.ifindex) : FarEnd::kTakes;
  }
}

}  // namespace turnpike
