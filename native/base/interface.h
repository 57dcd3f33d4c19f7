// Limits and kinds that TypeScript has too. Made from src/native/interface.ts and counters.ts by
// `npm run build:interface`.
#pragma once

#include <cstdint>

namespace turnpike {

// Compared by native/locate.cjs when it loads the addon.
inline constexpr uint32_t kBindingContract = 2490577288;

// Worker threads of one data plane.
inline constexpr uint32_t kWorkersMax = 16;
// Addresses that a data plane binds on each side.
inline constexpr uint32_t kAddressesPerSideMax = 16;
// IP addresses of relayed endpoints.
inline constexpr uint32_t kRelayedIpsMax = 64;
// Largest CPU number that a worker may be pinned to, plus one.
inline constexpr uint32_t kCpusMax = 1'024;
// Largest table of client flows that an option may ask for.
inline constexpr uint32_t kClientFlowsLimit = 16'777'216;
// Largest table of sessions that an option may ask for.
inline constexpr uint32_t kSessionsLimit = 16'777'216;
// Largest table of other relays that an option may ask for.
inline constexpr uint32_t kRemoteRelaysLimit = 65'536;
// Buckets of bandwidth of a data plane, numbered from 1. Those in use alone take memory.
inline constexpr uint32_t kBandwidthBucketsMax = 1'048'576;
// Maximum source addresses of one relay, as in a registration (PROTOCOL.md section 4).
inline constexpr uint32_t kTrunkSourcesMax = 64;
// Maximum paths to one relay for which probe replies report whether this relay's probes are
// answered.
inline constexpr uint32_t kTrunkPathsMax = 16;
// Receive keys of one relay: yesterday's, today's and tomorrow's.
inline constexpr uint32_t kReceiveKeysMax = 3;
// Maximum send keys of one relay, one per day.
inline constexpr uint32_t kSendKeysMax = 8;
// Sets of lanes for data, of workersMax lanes each. A worker sends data in lane worker + workersMax
// × set. The set after the last carries path probes and their replies with separate counters,
// because one sent on a slow path would otherwise arrive behind the replay window. Lanes from 128
// on belong to the fast path.
inline constexpr uint32_t kLaneSets = 7;
// Number of lanes of a relay: the lane is one byte of a trunk datagram.
inline constexpr uint32_t kLanes = 256;
// Largest UDP payload in bytes: over IPv6 without jumbograms, 65,535 - 8.
inline constexpr uint32_t kDatagramBytesMax = 65'527;
// Smallest `trunkMtuBytes`: the UDP payload of a 576-byte IPv4 packet, which every host accepts.
inline constexpr uint32_t kTrunkMtuBytesMin = 508;
// Bytes of a path probe without padding (PROTOCOL.md section 4).
inline constexpr uint32_t kPathProbeBytesMin = 36;
// Maximum batching delay of a loaded worker, in microseconds.
inline constexpr uint32_t kCoalescingUsMax = 1'000;
// Longest time for which an idle worker polls its sockets before it sleeps, in microseconds.
inline constexpr uint32_t kBusyPollUsMax = 1'000'000;
// Largest rate of bare Closed indications that an option may set, per second for all workers.
inline constexpr uint32_t kClosedIndicationsPerSecondMax = 1'000'000;
// Largest datagram punted to TypeScript, in bytes.
inline constexpr uint32_t kPuntBytesMax = 2'048;
// Smallest queue of punted datagrams, in bytes.
inline constexpr uint32_t kPuntQueueBytesMin = 16'384;
// Largest queue of punted datagrams that an option may ask for, in bytes.
inline constexpr uint32_t kPuntQueueBytesLimit = 268'435'456;
// Length of a worker's command queue.
inline constexpr uint32_t kCommandQueueLength = 16'384;
// Endpoints of one worker that are open, opening or closing at once.
inline constexpr uint32_t kEndpointsPerWorkerMax = 16'384;
// Maximum endpoint commands of one worker that wait for a response.
inline constexpr uint32_t kEndpointCommandsMax = 1'024;
// Maximum endpoint events of one worker that wait to be read.
inline constexpr uint32_t kEndpointEventsMax = 1'024;
// Bytes of the scratch memory.
inline constexpr uint32_t kScratchBytes = 2'048;
// Largest difference of session sequences that counts as loss or reordering. A larger one means
// that another worker or relay had the session meanwhile, and sets a new start.
inline constexpr uint32_t kSessionSequenceGapMax = 4'096;
// Longest lifetime of an entry that expires, in seconds: 31 years.
inline constexpr uint32_t kEntryLifetimeSecondsMax = 1'000'000'000;
// Bits of a leg's first counter word that count packets; the others hold a second.
inline constexpr uint32_t kLegPacketsBits = 40;
// A worker index that means all workers.
inline constexpr uint32_t kEveryWorker = 0xffffffff;

// Result of a call of the addon.
enum class StatusCode : uint8_t {
  kOk = 0,
  // A table is full.
  kLimit = 1,
  // A command queue has no room; nothing was applied.
  kQueueFull = 2,
  // The data plane is closed.
  kClosed = 3,
  // A value or an index is out of bounds: a programmer error.
  kInvalid = 4,
  // The socket can never send to or receive from the address.
  kAddress = 5,
  // A socket could not be opened or bound.
  kBind = 6,
  // The system refused memory, a thread or a descriptor.
  kSystem = 7,
  // An entry or a probe names an unknown relay.
  kUnknownRelay = 8,
  // An option requires something that this host lacks.
  kOption = 9,
};

// The side of a relay that a socket belongs to: clients', other relays', or peers of allocations,
// for the sockets of relayed transport addresses.
enum class Side : uint8_t {
  kClient = 0,
  kTrunk = 1,
  kRelayed = 2,
};

// What `openEndpoint` opens: a UDP socket of the client side, or that of a relayed transport
// address (RFC 8656).
enum class EndpointKind : uint8_t {
  kClient = 0,
  kRelayed = 1,
};

// Whether the sender of a path probe or its reply receives replies to its own probes on the same
// path. Numbers of PROTOCOL.md section 4; any other number means 0.
enum class Heard : uint8_t {
  kUnknown = 0,
  kAnswered = 1,
  kUnanswered = 2,
};

// Numbers in place of a channel number, in the keys of flows that match other datagrams than
// ChannelData: those of peers at a relayed address, Send indications of clients to IPv4 and IPv6
// peers, what leaves a relayed address to a peer behind another relay, and whatever else comes from
// a client that has moved to another 5-tuple. An action with the first one forwards as Data
// indications; a session with it delivers to a relayed address.
enum class FlowChannel : uint8_t {
  kNone = 0,
  kSendToIpv4 = 1,
  kSendToIpv6 = 2,
  kToTrunk = 3,
  kMoved = 4,
};

// Kinds of punted records.
enum class PuntKind : uint8_t {
  // A datagram of a known sender, by side.
  kClientDatagram = 0,
  kTrunkDatagram = 1,
  // The reply to a plain probe.
  kProbeReply = 2,
  // Data of a relay on a session index that is not bound.
  kUnboundIndex = 3,
  // A datagram of a stranger, by side.
  kStrangerClientDatagram = 4,
  kStrangerTrunkDatagram = 5,
  // The reply to a path probe.
  kPathProbeReply = 6,
  // The response to `openEndpoint`: the port, or the error.
  kEndpointOpened = 7,
  // The response to `closeEndpoint`.
  kEndpointClosed = 8,
  // The worker closed an endpoint because its socket failed.
  kEndpointEnded = 9,
  // An ICMP error for a datagram sent by an endpoint.
  kIcmpError = 10,
  // The first data of a client from the 5-tuple that it has moved to.
  kClientMoved = 11,
};

// Counters of a leg that the addon reads from a flow's entry.
enum class LegField : uint8_t {
  kPackets = 0,
  kPayloadBytes = 1,
  kLastSecond = 2,
  kOverBandwidth = 3,
};

}  // namespace turnpike
