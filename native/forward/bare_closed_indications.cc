#include "forward/bare_closed_indications.h"

#include <errno.h>
#include <sys/random.h>

#include <algorithm>
#include <cstring>

#include "wire/stun_header.h"

namespace turnpike {

namespace {

constexpr uint64_t kSourceIntervalNs = kNsPerSecond / kClosedIndicationsPerSourcePerSecond;

// Hashes what a budget counts as one source: an IPv4 address or an IPv6 /64.
uint64_t SourceHash(const SipKey& key, const IpAddress& ip) {
  SipHash13 hash(key);
  hash.Update(ip.bytes.data(), ip.IsIpv4() ? 16 : 8);
  return hash.Finish();
}

}  // namespace

Status BareClosedIndications::Allocate(const SipKey& hash_key, uint32_t per_second,
                                       const RelayHosts* relays) {
  relays_ = relays;
  hash_key_ = hash_key;
  if (per_second == 0) return {};
  interval_ns_ = kNsPerSecond / per_second;
  // The burst is a tenth of a second's budget.
  burst_ = std::max(per_second / 10, 1u);
  if (getrandom(&random_key_, sizeof(random_key_), 0) != sizeof(random_key_)) {
    return Status::System("cannot read random bytes", errno);
  }
  return sources_.Allocate(kClosedIndicationSourcesMax);
}

BareClosedIndications::Result BareClosedIndications::Answer(const Packet& packet, const Now& now,
                                                            Outgoing* out) {
  if (interval_ns_ == 0 || packet.length < kStunHeaderBytes) return Result::kWithheld;
  const TransportAddress& source = packet.tuple->remote;
  if (relays_->Contain(source)) return Result::kWithheld;
  const uint64_t hash = SourceHash(hash_key_, source.ip);
  if (!sources_[hash & (kClosedIndicationSourcesMax - 1)].Take(now.monotonic_ns, kSourceIntervalNs,
                                                               kClosedIndicationsPerSourceBurst) ||
      !total_.Take(now.monotonic_ns, interval_ns_, burst_)) {
    return Result::kOverBudget;
  }
  const uint64_t random[2] = {Random(), Random()};
  WriteStunHeader(packet.data, kClosedIndication, 0, random);
  *out = Outgoing{packet.tuple, packet.data, kStunHeaderBytes};
  return Result::kSent;
}

uint64_t BareClosedIndications::Random() {
  SipHash24 hash(random_key_);
  hash.UpdateWord(++random_counter_, 8);
  return hash.Finish();
}

}  // namespace turnpike
