// libFuzzer: any bytes as what a raw ICMP socket receives.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "wire/icmp_error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  using namespace turnpike;
  IcmpError error;
  if (ReadIcmpv4Error(data, length, &error) &&
      (!error.local.ip.IsIpv4() || !error.remote.ip.IsIpv4() || length < 52)) {
    std::abort();
  }
  if (ReadIcmpv6Error(data, length, &error) && (error.type < 1 || error.type > 4 || length < 52)) {
    std::abort();
  }
  return 0;
}
