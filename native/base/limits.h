// Every bound and default of the native side. Where TypeScript has the same one (src/limits.ts), a
// test compares them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace turnpike {

// Checked by the loader, so that an addon of another build is refused instead of misread. Raise it
// whenever what the binding takes or returns changes. `CONTRACT` in native/locate.cjs is its twin.
inline constexpr uint32_t kBindingContract = 12;

inline constexpr uint32_t kWorkersMax = 16;
inline constexpr uint32_t kAddressesPerSideMax = 16;

// Table sizes that options may ask for.
inline constexpr uint32_t kClientFlowsLimit = 1u << 24;
inline constexpr uint32_t kSessionsLimit = 1u << 24;
inline constexpr uint32_t kTrunkPeersLimit = 65'536;

// PROTOCOL.md section 4: a registration lists at most 64 source addresses.
inline constexpr uint32_t kTrunkSourcesMax = 64;
// Ways to one relay that replies must know about (LIMITS.waysMax).
inline constexpr uint32_t kTrunkWaysMax = 16;
// Yesterday's, today's and tomorrow's key.
inline constexpr uint32_t kReceiveKeysMax = 3;
inline constexpr uint32_t kSendKeysMax = 8;
// The lane is one byte on the wire.
inline constexpr uint32_t kLanes = 256;
// A worker's data has lane worker + 16 × n, where n is the relay's number of the time; the last n
// is that of path probes and their replies, whose counter is their own: by a slow way they would
// otherwise arrive behind the window of what left by a fast one. Lanes from 128 on are the fast
// path's.
inline constexpr uint32_t kLaneSets = 7;
inline constexpr uint32_t kProbeLaneFirst = kWorkersMax * kLaneSets;
// PROTOCOL.md section 4 asks for at least 1,024. A lane's counter is shared by all relays that the
// sender talks to, so the distance between two of our datagrams grows with its other traffic.
inline constexpr uint32_t kReplayWindowBits = 4'096;

// Messages that one system call receives. Where they are super-frames fewer are asked for, so that
// the working set of a turn stays in the second-level cache.
inline constexpr uint32_t kBatchMessages = 64;
inline constexpr uint32_t kBatchMessagesMin = 8;
inline constexpr uint32_t kBatchBytesHigh = 512 * 1024;
inline constexpr uint32_t kBatchBytesLow = 128 * 1024;
// How often a busy worker asks the kernel what it dropped.
inline constexpr uint64_t kDropsCountedEveryNs = 100'000'000;
// Datagrams that are looked up together, so that the cache misses of one hide behind the others'.
inline constexpr uint32_t kChunkPackets = 64;
// Datagrams that wait to leave a worker.
inline constexpr uint32_t kSendBatchDatagrams = 256;
// Memory for those of them that cannot be made where they were received.
inline constexpr uint32_t kSendRoomBytes = kSendBatchDatagrams * 1'536;
// Segments and bytes of one segmented send: UDP_MAX_SEGMENTS of kernels before 6.9, and what one
// IPv4 packet holds.
inline constexpr uint32_t kSegmentsMax = 64;
inline constexpr uint32_t kSegmentRunBytesMax = 65'507;
// Longer datagrams do not fit an Ethernet frame, and the kernel fragments no segment.
inline constexpr uint32_t kSegmentBytesMax = 1'472;
// Bundles that are being filled or wait to leave, in one worker.
inline constexpr uint32_t kBundlesMax = 256;
inline constexpr uint32_t kTrunkMtuBytesMin = 508;
// PROTOCOL.md section 4: how long a sender waits at most for company.
inline constexpr uint32_t kCoalescingUsMax = 1'000;
inline constexpr uint32_t kBusyPollUsMax = 1'000'000;
inline constexpr uint32_t kCpusMax = 1'024;
// Free bytes before each received datagram, so that ChannelData (4 bytes of header) becomes a
// trunk datagram (28) where it lies.
inline constexpr uint32_t kHeadroomBytes = 64;
// Largest UDP payload: IPv6 without jumbograms, 65,535 - 8.
inline constexpr uint32_t kDatagramBytesMax = 65'527;
// Distance between two receive buffers. No power of two, so that the first lines of all of them do
// not fall into the same cache sets; a multiple of the cache line. Pages never touched cost
// nothing.
inline constexpr uint32_t kBufferStrideBytes = 65'536 + 4'096 + 320;

// Largest datagram handed up to TypeScript (LIMITS.puntBytesMax).
inline constexpr uint32_t kPuntBytesMax = 2'048;
// What of the free bytes of such a queue one source may hold, and one 5-tuple of it: a fourth and
// an eighth; cells that count what each holds.
inline constexpr uint32_t kFairShareOfSource = 4;
inline constexpr uint32_t kFairShareOfSender = 8;
inline constexpr uint32_t kFairShareCells = 32'768;
// Client 5-tuples without a flow that a worker knows beside those with one.
inline constexpr uint32_t kKnownClientsBeside = 8'192;
inline constexpr uint32_t kPuntQueueBytesMin = 16 * 1024;
inline constexpr uint32_t kPuntQueueBytesLimit = 1u << 28;
// Bytes of control datagrams that wait in one worker to be sent.
inline constexpr uint32_t kSendQueueBytes = 1u << 20;
// Commands that wait in one worker.
inline constexpr uint32_t kCommandQueueLength = 16'384;
// Work of one turn of a worker's loop, so that neither commands nor a busy socket starve the rest.
inline constexpr uint32_t kCommandsPerTurn = 1'024;
inline constexpr uint32_t kControlSendsPerTurn = 64;
inline constexpr uint32_t kReceivesPerTurn = 64;
// Turns in which sockets known to be readable are read before the others are asked.
inline constexpr uint32_t kTurnsBetweenPolls = 8;
// How long a worker sleeps at most while a control datagram waits for another worker.
inline constexpr int kBarrierPollMs = 1;
// Such sleeps of a worker that has been told to stop.
inline constexpr int kFinishPollsMax = 200;

// Bare Closed indications to sources of data that met no flow (PROTOCOL.md section 2): all sources
// together at most, per second and worker for one source, at once for one; sources remembered.
inline constexpr uint32_t kClosedIndicationsPerSecondMax = 1'000'000;
inline constexpr uint64_t kClosedIndicationsPerSourcePerSecond = 10;
inline constexpr uint64_t kClosedIndicationsPerSourceBurst = 20;
inline constexpr uint32_t kClosedIndicationSourcesMax = 8'192;
// Addresses of known relays that are never answered so.
inline constexpr uint32_t kRelayHostsMax = 32'768;

// Largest difference of session sequences that counts as loss or as reordering. A larger one says
// that the session was received elsewhere meanwhile, and only sets the new start.
inline constexpr uint16_t kSessionSequenceGapMax = 4'096;
// PROTOCOL.md section 3: at most 10 answers a second per relay to data on unbound indexes.
inline constexpr uint32_t kUnboundEventsPerSecond = 10;
// Trunk datagrams from an unregistered port of a relay's address that one worker hands up, for each
// address, so that TypeScript can tell whether a NAT is at work; addresses told apart.
inline constexpr uint32_t kUnlistedPerSecond = 10;
inline constexpr uint32_t kUnlistedAddresses = 1'024;
// A probe reply older than this is of no use, whatever clock it came from.
inline constexpr uint64_t kProbeAgeNsMax = 60ull * 1'000'000'000;

}  // namespace turnpike
