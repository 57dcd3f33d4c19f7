// Every counter, and the verdicts, which come first. Made from src/native/interface.ts and
// counters.ts by `npm run build:interface`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace turnpike {

enum class Verdict : uint8_t {
  // records: a peer's ChannelData that left to another relay.
  kClientToTrunk,
  // records: a peer's ChannelData that left to another peer of this plane.
  kClientToClient,
  // records: a client's ChannelData or Send indication that left to a peer of its allocation.
  kClientToPeer,
  // records: a datagram of a peer that left to a client as ChannelData or as a Data indication.
  kPeerToClient,
  // records: a trunk record that left to a peer as ChannelData.
  kTrunkToClient,
  // records: a trunk record that arrived at a relayed address, then counted as a datagram of a
  // peer.
  kTrunkToRelayed,
  // datagrams: STUN requests and indications of peers, punted to TypeScript.
  kClientPunted,
  // datagrams: STUN messages on the trunk side, punted to TypeScript.
  kTrunkPunted,
  // datagrams: trunk data that passed every check.
  kTrunkData,
  // datagrams: trunk probes of other relays that passed every check and got a reply.
  kTrunkProbe,
  // datagrams: replies to trunk probes of this relay.
  kTrunkProbeReply,
  // Dropped datagrams: source port 0, which cannot be answered.
  kSourcePortZero,
  // Dropped datagrams: neither STUN nor ChannelData on the client side, or empty.
  kClientUnknownProtocol,
  // Dropped datagrams: neither STUN nor a trunk datagram on the trunk side, or empty.
  kTrunkUnknownProtocol,
  // Dropped datagrams: first byte of STUN without a STUN header of the datagram's length.
  kStunMalformed,
  // Dropped datagrams: a STUN response on the client side, where the relay sends no requests.
  kClientStunResponse,
  // Dropped datagrams: ChannelData whose length is not the datagram's.
  kChannelDataMalformed,
  // Dropped datagrams: ChannelData of a 5-tuple and channel without an entry.
  kChannelUnknown,
  // Dropped datagrams: ChannelData of an entry whose lifetime is over.
  kChannelExpired,
  // Dropped datagrams: a Send indication without XOR-PEER-ADDRESS or DATA, with an unknown
  // attribute, or with a wrong FINGERPRINT.
  kSendMalformed,
  // Dropped datagrams: a Send indication of a 5-tuple without an allocation.
  kSendNoAllocation,
  // Dropped datagrams: a Send indication to a peer without a permission.
  kSendNoPermission,
  // Dropped datagrams: a datagram to a relayed address from a peer without a permission or channel.
  kPeerNoPermission,
  // Dropped datagrams: a datagram of a peer that no Data indication can hold: longer than 65,504
  // bytes.
  kPeerTooLong,
  // Dropped datagrams: data of an allocation whose user has used up the bandwidth.
  kOverBandwidth,
  // Dropped records: the relay of the entry is gone, or another one has its index.
  kTrunkNoRelay,
  // Dropped records: no send key for today or a day before; a probe without one counts too.
  kTrunkNoKey,
  // Dropped datagrams: a trunk datagram that is too short, or whose content does not fit its
  // length.
  kTrunkMalformed,
  // Dropped datagrams: a trunk datagram of an unknown type.
  kTrunkUnknownType,
  // Dropped datagrams: a trunk datagram from an address and port that no relay lists.
  kTrunkUnknownSource,
  // Dropped datagrams: a trunk datagram of a day without a receive key.
  kTrunkWrongEpoch,
  // Dropped datagrams: a trunk datagram with a wrong tag.
  kTrunkWrongTag,
  // Dropped datagrams: a trunk sequence seen before.
  kTrunkReplayed,
  // Dropped datagrams: a trunk sequence below the window of 4,096.
  kTrunkTooOld,
  // Dropped records: a record on a session index that is not bound to its sender.
  kTrunkUnbound,
  // Dropped records: a record on a session index whose lifetime is over.
  kTrunkExpired,
  // Dropped datagrams: a probe reply whose timestamp is in the future or older than 60 s.
  kTrunkProbeStale,
};

// A verdict's counter has the verdict's number.
enum class Counter : uint8_t {
  kClientToTrunk,
  kClientToClient,
  kClientToPeer,
  kPeerToClient,
  kTrunkToClient,
  kTrunkToRelayed,
  kClientPunted,
  kTrunkPunted,
  kTrunkData,
  kTrunkProbe,
  kTrunkProbeReply,
  kSourcePortZero,
  kClientUnknownProtocol,
  kTrunkUnknownProtocol,
  kStunMalformed,
  kClientStunResponse,
  kChannelDataMalformed,
  kChannelUnknown,
  kChannelExpired,
  kSendMalformed,
  kSendNoAllocation,
  kSendNoPermission,
  kPeerNoPermission,
  kPeerTooLong,
  kOverBandwidth,
  kTrunkNoRelay,
  kTrunkNoKey,
  kTrunkMalformed,
  kTrunkUnknownType,
  kTrunkUnknownSource,
  kTrunkWrongEpoch,
  kTrunkWrongTag,
  kTrunkReplayed,
  kTrunkTooOld,
  kTrunkUnbound,
  kTrunkExpired,
  kTrunkProbeStale,
  // datagrams: received on the client side.
  kClientRxPackets,
  // bytes: received on the client side.
  kClientRxBytes,
  // datagrams: sent on the client side.
  kClientTxPackets,
  // bytes: sent on the client side.
  kClientTxBytes,
  // datagrams: received on the trunk side.
  kTrunkRxPackets,
  // bytes: received on the trunk side.
  kTrunkRxBytes,
  // datagrams: sent on the trunk side.
  kTrunkTxPackets,
  // bytes: sent on the trunk side.
  kTrunkTxBytes,
  // datagrams: received at relayed addresses.
  kRelayedRxPackets,
  // datagrams: of those, received by a worker's shared socket (`steering`).
  kRelayedSteered,
  // operations: endpoints that receive by their own sockets, since they crowded a worker's shared
  // one.
  kSteeringStopped,
  // bytes: received at relayed addresses.
  kRelayedRxBytes,
  // datagrams: sent from relayed addresses.
  kRelayedTxPackets,
  // bytes: sent from relayed addresses.
  kRelayedTxBytes,
  // operations: receive calls that failed, but for those that found nothing.
  kReceiveErrors,
  // Dropped datagrams: by the kernel: a socket's receive buffer was full.
  kReceiveDropped,
  // operations: sends of several datagrams of equal length in one message.
  kSegmentedSends,
  // operations: such sends that the kernel or device refused; the datagrams left one by one.
  kSegmentsRefused,
  // datagrams: trunk datagrams sent with more than one record.
  kBundlesSent,
  // operations: pauses of a loaded worker before it receives, to batch more datagrams.
  kCoalescingPauses,
  // Dropped datagrams: the send buffer or the device queue was full.
  kSendBlocked,
  // Dropped datagrams: the kernel refused to send it, or XDP could not rewrite it.
  kSendErrors,
  // Dropped datagrams: punted, from a known sender: the queue was full.
  kPuntQueueFull,
  // Dropped datagrams: punted, from a known sender that held its share of the queue.
  kPuntOverShare,
  // Dropped datagrams: punted, from a stranger: the queue was full.
  kStrangerQueueFull,
  // Dropped datagrams: punted, from a stranger that held its share of the queue.
  kStrangerOverShare,
  // Dropped datagrams: punted and longer than 2,048 bytes.
  kPuntOversize,
  // operations: events that did not fit the queue.
  kEventsDropped,
  // operations: commands that a worker carried out: of entries, relays, probes and endpoints.
  kCommandsApplied,
  // datagrams: trunk probes sent.
  kProbesSent,
  // datagrams: path probes longer than the device's MTU, which were not sent.
  kProbesTooLong,
  // datagrams: datagrams given to `send` that a worker sent.
  kControlSent,
  // Dropped datagrams: datagrams given to `send` for which a worker had no room.
  kControlSendDropped,
  // Dropped datagrams: to be sent by a closed endpoint, punted from one, or steered to one.
  kEndpointGone,
  // datagrams: passed to the worker of their endpoint, or of the entries of their client.
  kHandedOver,
  // Dropped datagrams: for an endpoint of another worker whose queue was full.
  kHandOverFull,
  // datagrams: data of an allocation held for the answer to a request, then counted again.
  kEarlyData,
  // datagrams: from one relayed address of this data plane to another, without the kernel.
  kDelivered,
  // records: of `client_to_peer`: left to a relayed address of another relay as a trunk record.
  kPeerByTrunk,
  // Dropped datagrams: to a port of one of its relayed addresses that no endpoint has.
  kRelayedPortClosed,
  // operations: ICMP errors for datagrams of endpoints, reported as events.
  kIcmpErrors,
  // operations: such errors not reported: the budget was used up.
  kIcmpErrorsOverBudget,
  // datagrams: bare Closed indications sent to sources of data that met no entry.
  kClosedIndicationsSent,
  // datagrams: such indications not sent: a budget was used up.
  kClosedIndicationsOverBudget,
};

inline constexpr const char* kCounterNames[] = {
    "client_to_trunk",
    "client_to_client",
    "client_to_peer",
    "peer_to_client",
    "trunk_to_client",
    "trunk_to_relayed",
    "client_punted",
    "trunk_punted",
    "trunk_data",
    "trunk_probe",
    "trunk_probe_reply",
    "source_port_zero",
    "client_unknown_protocol",
    "trunk_unknown_protocol",
    "stun_malformed",
    "client_stun_response",
    "channel_data_malformed",
    "channel_unknown",
    "channel_expired",
    "send_malformed",
    "send_no_allocation",
    "send_no_permission",
    "peer_no_permission",
    "peer_too_long",
    "over_bandwidth",
    "trunk_no_relay",
    "trunk_no_key",
    "trunk_malformed",
    "trunk_unknown_type",
    "trunk_unknown_source",
    "trunk_wrong_epoch",
    "trunk_wrong_tag",
    "trunk_replayed",
    "trunk_too_old",
    "trunk_unbound",
    "trunk_expired",
    "trunk_probe_stale",
    "client_rx_packets",
    "client_rx_bytes",
    "client_tx_packets",
    "client_tx_bytes",
    "trunk_rx_packets",
    "trunk_rx_bytes",
    "trunk_tx_packets",
    "trunk_tx_bytes",
    "relayed_rx_packets",
    "relayed_steered",
    "steering_stopped",
    "relayed_rx_bytes",
    "relayed_tx_packets",
    "relayed_tx_bytes",
    "receive_errors",
    "receive_dropped",
    "segmented_sends",
    "segments_refused",
    "bundles_sent",
    "coalescing_pauses",
    "send_blocked",
    "send_errors",
    "punt_queue_full",
    "punt_over_share",
    "stranger_queue_full",
    "stranger_over_share",
    "punt_oversize",
    "events_dropped",
    "commands_applied",
    "probes_sent",
    "probes_too_long",
    "control_sent",
    "control_send_dropped",
    "endpoint_gone",
    "handed_over",
    "hand_over_full",
    "early_data",
    "delivered",
    "peer_by_trunk",
    "relayed_port_closed",
    "icmp_errors",
    "icmp_errors_over_budget",
    "closed_indications_sent",
    "closed_indications_over_budget",
};
inline constexpr size_t kCounterCount = 81;

inline const char* NameOf(Verdict verdict) { return kCounterNames[static_cast<uint8_t>(verdict)]; }

}  // namespace turnpike
