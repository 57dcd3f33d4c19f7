// Limits and kinds that TypeScript has too. Made from src/native/interface.ts and counters.ts by
// `npm run build:interface`.
#pragma once

#include <cstdint>

namespace turnpike {

// Compared by native/locate.cjs when it loads the addon.
inline constexpr uint32_t kBindingContract = 50682883;

// Worker threads of one data plane.
inline constexpr uint32_t kWorkersMax = 16;
// Addresses that a data plane binds for peers, and again for other relays.
inline constexpr uint32_t kAddressesPerSideMax = 16;
// Largest CPU number that a worker may be pinned to, plus one.
inline constexpr uint32_t kCpusMax = 1'024;
// Largest table of client flows that an option may ask for.
inline constexpr uint32_t kClientFlowsLimit = 16'777'216;
// Largest table of sessions that an option may ask for.
inline constexpr uint32_t kSessionsLimit = 16'777'216;
// Largest table of other relays that an option may ask for.
inline constexpr uint32_t kTrunkPeersLimit = 65'536;
// Source addresses of one relay: as many as a registration lists (PROTOCOL.md section 4).
inline constexpr uint32_t kTrunkSourcesMax = 64;
// Ways to one relay whose probes are told what we hear by them.
inline constexpr uint32_t kTrunkWaysMax = 16;
// Keys that data of one relay is accepted by: of yesterday, today and tomorrow.
inline constexpr uint32_t kReceiveKeysMax = 3;
// Keys for what one relay is sent, one for each of so many days.
inline constexpr uint32_t kSendKeysMax = 8;
// Sets of lanes for data, of workersMax lanes each: a worker's data has the lane worker +
// workersMax × set. The set after the last is that of path probes and their replies, which have
// counters of their own: one sent by a slow path would otherwise arrive behind the replay window.
// Lanes from 128 on are the fast path's.
inline constexpr uint32_t kLaneSets = 7;
// Lanes that a relay can have: the lane is one byte of a trunk datagram.
inline constexpr uint32_t kLanes = 256;
// Largest UDP payload in bytes: over IPv6 without jumbograms, 65,535 less 8 of UDP.
inline constexpr uint32_t kDatagramBytesMax = 65'527;
// Smallest `trunkMtuBytes`: the UDP payload of the 576 bytes that every IPv4 host takes.
inline constexpr uint32_t kTrunkMtuBytesMin = 508;
// Bytes of a path probe without padding (PROTOCOL.md section 4).
inline constexpr uint32_t kPathProbeBytesMin = 36;
// Longest pause for which a loaded worker leaves packets in its sockets, in microseconds.
inline constexpr uint32_t kCoalescingUsMax = 1'000;
// Longest time for which an idle worker polls its sockets before it sleeps, in microseconds.
inline constexpr uint32_t kBusyPollUsMax = 1'000'000;
// Bare Closed indications a second that an option may allow, of all workers together.
inline constexpr uint32_t kClosedIndicationsPerSecondMax = 1'000'000;
// Largest datagram handed up to TypeScript, in bytes.
inline constexpr uint32_t kPuntBytesMax = 2'048;
// Smallest queue of punted datagrams, in bytes.
inline constexpr uint32_t kPuntQueueBytesMin = 16'384;
// Largest queue of punted datagrams that an option may ask for, in bytes.
inline constexpr uint32_t kPuntQueueBytesLimit = 268'435'456;
// Commands that wait in one worker's queue.
inline constexpr uint32_t kCommandQueueLength = 16'384;
// Endpoints of one worker that are open, opening or closing at once.
inline constexpr uint32_t kEndpointsPerWorkerMax = 16'384;
// Commands to open and close endpoints of one worker whose answers are still to come.
inline constexpr uint32_t kEndpointCommandsMax = 1'024;
// Events of the endpoints of one worker that wait to be handed up.
inline constexpr uint32_t kEndpointEventsMax = 1'024;
// Bytes of the scratch memory.
inline constexpr uint32_t kScratchBytes = 2'048;
// Largest difference of session sequences that counts as loss or as reordering. A larger one says
// that another worker or relay had the session meanwhile, and only sets the new start.
inline constexpr uint32_t kSessionSequenceGapMax = 4'096;
// Longest lifetime of an entry that expires, in seconds: 31 years.
inline constexpr uint32_t kEntryLifetimeSecondsMax = 1'000'000'000;
// Bits of a leg's first counter word that count packets; those above hold a second.
inline constexpr uint32_t kLegPacketsBits = 40;
// Stands for all workers where one is named.
inline constexpr uint32_t kEveryWorker = 0xffffffff;

// What a call of the addon came to.
enum class StatusCode : uint8_t {
  kOk = 0,
  // A table is full.
  kLimit = 1,
  // A command queue has no room; nothing was applied.
  kQueueFull = 2,
  // The data plane is closed.
  kClosed = 3,
  // The caller's mistake: a value or an index is out of its bounds.
  kInvalid = 4,
  // An address that the socket in question can never send to or receive from.
  kAddress = 5,
  // A socket could not be opened or bound.
  kBind = 6,
  // The system refused memory, a thread or a descriptor.
  kSystem = 7,
  // An entry or a probe names a relay that is not there.
  kUnknownRelay = 8,
  // An option asks for what this host does not have.
  kOption = 9,
};

// Which of a relay's two faces a socket belongs to.
enum class Side : uint8_t {
  kClient = 0,
  kTrunk = 1,
};

// What `openEndpoint` opens: `client` is a UDP socket of the client side.
enum class EndpointKind : uint8_t {
  kClient = 0,
};

// Whether the sender of a path probe or of its reply gets answers to its own probes by the same
// way; the numbers of PROTOCOL.md section 4, where any other one is 0.
enum class Heard : uint8_t {
  kUnknown = 0,
  kAnswered = 1,
  kUnanswered = 2,
};

// What a punted record is.
enum class PuntKind : uint8_t {
  // A datagram of a known sender, by the side that it came to.
  kClientDatagram = 0,
  kTrunkDatagram = 1,
  // The reply to a plain probe.
  kProbeReply = 2,
  // Data of a relay on a session index that is not bound.
  kUnboundIndex = 3,
  // A datagram of a stranger, by the side that it came to.
  kStrangerClientDatagram = 4,
  kStrangerTrunkDatagram = 5,
  // The reply to a path probe.
  kPathProbeReply = 6,
  // The answer to `openEndpoint`: its port, or why it failed.
  kEndpointOpened = 7,
  // The answer to `closeEndpoint`.
  kEndpointClosed = 8,
  // An endpoint is closed that nobody asked to close.
  kEndpointEnded = 9,
  // An ICMP error to a datagram that left through an endpoint.
  kIcmpError = 10,
};

// Counters of a leg that the addon reads from a flow's own entry.
enum class LegField : uint8_t {
  kPackets = 0,
  kPayloadBytes = 1,
  kLastSecond = 2,
};

}  // namespace turnpike
