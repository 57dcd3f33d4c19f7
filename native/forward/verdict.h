// What may become of a datagram or of a record in one. Each verdict's name is also its counter's:
// PROTOCOL.md fixes what is dropped, this list says under which name.
#pragma once

#include <cstdint>

// X(constant, name)
#define TURNPIKE_VERDICTS(X)                                                                     \
  /* ChannelData of a peer left as a trunk record. */                                            \
  X(ClientToTrunk, "client_to_trunk")                                                            \
  /* ChannelData of a peer left to another peer of this relay. */                                \
  X(ClientToClient, "client_to_client")                                                          \
  /* A record left to a peer as ChannelData. */                                                  \
  X(TrunkToClient, "trunk_to_client")                                                            \
  /* Handed up: STUN from a peer, STUN from a relay. */                                          \
  X(ClientPunted, "client_punted")                                                               \
  X(TrunkPunted, "trunk_punted")                                                                 \
  /* Trunk datagrams that passed every check: with records, a probe, its reply. */               \
  X(TrunkData, "trunk_data")                                                                     \
  X(TrunkProbe, "trunk_probe")                                                                   \
  X(TrunkProbeReply, "trunk_probe_reply")                                                        \
  /* Dropped: port 0 cannot be answered. */                                                      \
  X(SourcePortZero, "source_port_zero")                                                          \
  /* Dropped: a first byte that belongs to no protocol of that side, or no byte at all. */       \
  X(ClientUnknownProtocol, "client_unknown_protocol")                                            \
  X(TrunkUnknownProtocol, "trunk_unknown_protocol")                                              \
  /* Dropped: first byte of STUN, but no STUN header of the datagram's length. */                \
  X(StunMalformed, "stun_malformed")                                                             \
  /* Dropped: a response on a client socket. A relay asks peers nothing, and two servers that */ \
  /* answer each other's responses never stop (CVE-2024-2169). */                                \
  X(ClientStunResponse, "client_stun_response")                                                  \
  X(ChannelDataMalformed, "channel_data_malformed")                                              \
  /* Dropped: no flow for this 5-tuple and channel. */                                           \
  X(ChannelUnknown, "channel_unknown")                                                           \
  /* Dropped: the flow's relay is gone; no key for today or before. */                           \
  X(TrunkNoPeer, "trunk_no_peer")                                                                \
  X(TrunkNoKey, "trunk_no_key")                                                                  \
  /* Dropped, in the order checked. */                                                           \
  X(TrunkMalformed, "trunk_malformed")                                                           \
  X(TrunkUnknownType, "trunk_unknown_type")                                                      \
  X(TrunkUnknownSource, "trunk_unknown_source")                                                  \
  X(TrunkWrongEpoch, "trunk_wrong_epoch")                                                        \
  X(TrunkWrongTag, "trunk_wrong_tag")                                                            \
  X(TrunkReplayed, "trunk_replayed")                                                             \
  X(TrunkTooOld, "trunk_too_old")                                                                \
  /* Dropped: a record on an index that is not bound to its sender. */                           \
  X(TrunkUnbound, "trunk_unbound")                                                               \
  /* Dropped: a probe reply that claims to answer the future or the distant past. */             \
  X(TrunkProbeStale, "trunk_probe_stale")

namespace turnpike {

enum class Verdict : uint8_t {
#define X(constant, name) k##constant,
  TURNPIKE_VERDICTS(X)
#undef X
};

inline constexpr const char* kVerdictNames[] = {
#define X(constant, name) name,
    TURNPIKE_VERDICTS(X)
#undef X
};

inline const char* NameOf(Verdict verdict) { return kVerdictNames[static_cast<uint8_t>(verdict)]; }

}  // namespace turnpike
