// The other ends of veth devices. A veth drops what a program sends back through it (XDP_TX) unless
// its other end has a program too, and no counter of this end shows that.
#pragma once

#include <cstdint>

#include "xdp/host/netlink_dump.h"

namespace turnpike {

// Whether the other end of a device takes what the program sends back through it.
enum class FarEnd : uint8_t {
  kTakes,
  // It has no XDP program in its driver, so it takes nothing.
  kNoProgram,
  // It is in a network namespace of which this process may learn nothing.
  kUnknown,
};

// Looks at the other ends of devices. Not thread-safe.
class FarEnds {
 public:
  // Call once. Without a socket every other end of a veth is unknown.
  void Open();
  // Looks at the other end of a device of this network namespace. That of any other device than a
  // veth takes everything, also of one that is gone.
  FarEnd Look(uint32_t ifindex);

 private:
  NetlinkDump netlink_;
};

}  // namespace turnpike
