/**
 * What a counter counts. `datagrams` are UDP datagrams as on the wire, also if the kernel delivers
 * several at once. `records` are payloads of peers; a trunk datagram holds one or more. `bytes` are
 * bytes of UDP payload.
 */
export type CounterUnit = 'datagrams' | 'records' | 'bytes' | 'operations';

/** The meaning of a counter. */
export interface CounterMeaning {
  readonly unit: CounterUnit;
  /** Whether it counts drops. */
  readonly dropped?: boolean;
  readonly means: string;
}

/** Verdicts on datagrams and records; each has a counter. PROTOCOL.md fixes what is dropped. */
export const VERDICT_COUNTERS = {
  client_to_trunk: {
    unit: 'records',
    means: "a peer's ChannelData that left to another relay",
  },
  client_to_client: {
    unit: 'records',
    means: "a peer's ChannelData that left to another peer of this plane",
  },
  client_to_peer: {
    unit: 'records',
    means: "a client's ChannelData or Send indication that left to a peer of its allocation",
  },
  peer_to_client: {
    unit: 'records',
    means: 'a datagram of a peer that left to a client as ChannelData or as a Data indication',
  },
  trunk_to_client: { unit: 'records', means: 'a trunk record that left to a peer as ChannelData' },
  trunk_to_relayed: {
    unit: 'records',
    means: 'a trunk record that arrived at a relayed address, then counted as a datagram of a peer',
  },
  client_punted: {
    unit: 'datagrams',
    means: 'STUN requests and indications of peers, punted to TypeScript',
  },
  trunk_punted: {
    unit: 'datagrams',
    means: 'STUN messages on the trunk side, punted to TypeScript',
  },
  trunk_data: { unit: 'datagrams', means: 'trunk data that passed every check' },
  trunk_probe: {
    unit: 'datagrams',
    means: 'trunk probes of other relays that passed every check and got a reply',
  },
  trunk_probe_reply: { unit: 'datagrams', means: 'replies to trunk probes of this relay' },
  source_port_zero: {
    unit: 'datagrams',
    dropped: true,
    means: 'source port 0, which cannot be answered',
  },
  client_unknown_protocol: {
    unit: 'datagrams',
    dropped: true,
    means: 'neither STUN nor ChannelData on the client side, or empty',
  },
  trunk_unknown_protocol: {
    unit: 'datagrams',
    dropped: true,
    means: 'neither STUN nor a trunk datagram on the trunk side, or empty',
  },
  stun_malformed: {
    unit: 'datagrams',
    dropped: true,
    means: "first byte of STUN without a STUN header of the datagram's length",
  },
  client_stun_response: {
    unit: 'datagrams',
    dropped: true,
    means: 'a STUN response on the client side, where the relay sends no requests',
  },
  channel_data_malformed: {
    unit: 'datagrams',
    dropped: true,
    means: "ChannelData whose length is not the datagram's",
  },
  channel_unknown: {
    unit: 'datagrams',
    dropped: true,
    means: 'ChannelData of a 5-tuple and channel without an entry',
  },
  channel_expired: {
    unit: 'datagrams',
    dropped: true,
    means: 'ChannelData of an entry whose lifetime is over',
  },
  send_malformed: {
    unit: 'datagrams',
    dropped: true,
    means:
      'a Send indication without XOR-PEER-ADDRESS or DATA, with an unknown attribute, or with a ' +
      'wrong FINGERPRINT',
  },
  send_no_allocation: {
    unit: 'datagrams',
    dropped: true,
    means: 'a Send indication of a 5-tuple without an allocation',
  },
  send_no_permission: {
    unit: 'datagrams',
    dropped: true,
    means: 'a Send indication to a peer without a permission',
  },
  peer_no_permission: {
    unit: 'datagrams',
    dropped: true,
    means: 'a datagram to a relayed address from a peer without a permission or channel',
  },
  peer_too_long: {
    unit: 'datagrams',
    dropped: true,
    means: 'a datagram of a peer that no Data indication can hold: longer than 65,504 bytes',
  },
  over_bandwidth: {
    unit: 'datagrams',
    dropped: true,
    means: 'data of an allocation whose user has used up the bandwidth',
  },
  trunk_no_relay: {
    unit: 'records',
    dropped: true,
    means: 'the relay of the entry is gone, or another one has its index',
  },
  trunk_no_key: {
    unit: 'records',
    dropped: true,
    means: 'no send key for today or a day before; a probe without one counts too',
  },
  trunk_malformed: {
    unit: 'datagrams',
    dropped: true,
    means: 'a trunk datagram that is too short, or whose content does not fit its length',
  },
  trunk_unknown_type: {
    unit: 'datagrams',
    dropped: true,
    means: 'a trunk datagram of an unknown type',
  },
  trunk_unknown_source: {
    unit: 'datagrams',
    dropped: true,
    means: 'a trunk datagram from an address and port that no relay lists',
  },
  trunk_wrong_epoch: {
    unit: 'datagrams',
    dropped: true,
    means: 'a trunk datagram of a day without a receive key',
  },
  trunk_wrong_tag: { unit: 'datagrams', dropped: true, means: 'a trunk datagram with a wrong tag' },
  trunk_replayed: { unit: 'datagrams', dropped: true, means: 'a trunk sequence seen before' },
  trunk_too_old: {
    unit: 'datagrams',
    dropped: true,
    means: 'a trunk sequence below the window of 4,096',
  },
  trunk_unbound: {
    unit: 'records',
    dropped: true,
    means: 'a record on a session index that is not bound to its sender',
  },
  trunk_expired: {
    unit: 'records',
    dropped: true,
    means: 'a record on a session index whose lifetime is over',
  },
  trunk_probe_stale: {
    unit: 'datagrams',
    dropped: true,
    means: 'a probe reply whose timestamp is in the future or older than 60 s',
  },
} as const satisfies Record<string, CounterMeaning>;

/** Counters of workers other than verdicts. */
export const IO_COUNTERS = {
  client_rx_packets: { unit: 'datagrams', means: 'received on the client side' },
  client_rx_bytes: { unit: 'bytes', means: 'received on the client side' },
  client_tx_packets: { unit: 'datagrams', means: 'sent on the client side' },
  client_tx_bytes: { unit: 'bytes', means: 'sent on the client side' },
  trunk_rx_packets: { unit: 'datagrams', means: 'received on the trunk side' },
  trunk_rx_bytes: { unit: 'bytes', means: 'received on the trunk side' },
  trunk_tx_packets: { unit: 'datagrams', means: 'sent on the trunk side' },
  trunk_tx_bytes: { unit: 'bytes', means: 'sent on the trunk side' },
  relayed_rx_packets: { unit: 'datagrams', means: 'received at relayed addresses' },
  relayed_steered: {
    unit: 'datagrams',
    means: "of those, received by a worker's shared socket (`steering`)",
  },
  steering_stopped: {
    unit: 'operations',
    means: "endpoints that receive by their own sockets, since they crowded a worker's shared one",
  },
  relayed_rx_bytes: { unit: 'bytes', means: 'received at relayed addresses' },
  relayed_tx_packets: { unit: 'datagrams', means: 'sent from relayed addresses' },
  relayed_tx_bytes: { unit: 'bytes', means: 'sent from relayed addresses' },
  receive_errors: {
    unit: 'operations',
    means: 'receive calls that failed, but for those that found nothing',
  },
  receive_dropped: {
    unit: 'datagrams',
    dropped: true,
    means: "by the kernel: a socket's receive buffer was full",
  },
  segmented_sends: {
    unit: 'operations',
    means: 'sends of several datagrams of equal length in one message',
  },
  segments_refused: {
    unit: 'operations',
    means: 'such sends that the kernel or device refused; the datagrams left one by one',
  },
  bundles_sent: { unit: 'datagrams', means: 'trunk datagrams sent with more than one record' },
  coalescing_pauses: {
    unit: 'operations',
    means: 'pauses of a loaded worker before it receives, to batch more datagrams',
  },
  send_blocked: {
    unit: 'datagrams',
    dropped: true,
    means: 'the send buffer or the device queue was full',
  },
  send_errors: {
    unit: 'datagrams',
    dropped: true,
    means: 'the kernel refused to send it, or XDP could not rewrite it',
  },
  punt_queue_full: {
    unit: 'datagrams',
    dropped: true,
    means: 'punted, from a known sender: the queue was full',
  },
  punt_over_share: {
    unit: 'datagrams',
    dropped: true,
    means: 'punted, from a known sender that held its share of the queue',
  },
  stranger_queue_full: {
    unit: 'datagrams',
    dropped: true,
    means: 'punted, from a stranger: the queue was full',
  },
  stranger_over_share: {
    unit: 'datagrams',
    dropped: true,
    means: 'punted, from a stranger that held its share of the queue',
  },
  punt_oversize: {
    unit: 'datagrams',
    dropped: true,
    means: 'punted and longer than 2,048 bytes',
  },
  events_dropped: { unit: 'operations', means: 'events that did not fit the queue' },
  commands_applied: {
    unit: 'operations',
    means: 'commands that a worker carried out: of entries, relays, probes and endpoints',
  },
  probes_sent: { unit: 'datagrams', means: 'trunk probes sent' },
  probes_too_long: {
    unit: 'datagrams',
    means: "path probes longer than the device's MTU, which were not sent",
  },
  control_sent: { unit: 'datagrams', means: 'datagrams given to `send` that a worker sent' },
  control_send_dropped: {
    unit: 'datagrams',
    dropped: true,
    means: 'datagrams given to `send` for which a worker had no room',
  },
  endpoint_gone: {
    unit: 'datagrams',
    dropped: true,
    means: 'to be sent by a closed endpoint, punted from one, or steered to one',
  },
  handed_over: {
    unit: 'datagrams',
    means: 'passed to the worker of their endpoint, or of the entries of their client',
  },
  hand_over_full: {
    unit: 'datagrams',
    dropped: true,
    means: 'for an endpoint of another worker whose queue was full',
  },
  early_data: {
    unit: 'datagrams',
    means: 'data of an allocation held for the answer to a request, then counted again',
  },
  delivered: {
    unit: 'datagrams',
    means: 'from one relayed address of this data plane to another, without the kernel',
  },
  peer_by_trunk: {
    unit: 'records',
    means: 'of `client_to_peer`: left to a relayed address of another relay as a trunk record',
  },
  relayed_port_closed: {
    unit: 'datagrams',
    dropped: true,
    means: 'to a port of one of its relayed addresses that no endpoint has',
  },
  icmp_errors: {
    unit: 'operations',
    means: 'ICMP errors for datagrams of endpoints, reported as events',
  },
  icmp_errors_over_budget: {
    unit: 'operations',
    means: 'such errors not reported: the budget was used up',
  },
  closed_indications_sent: {
    unit: 'datagrams',
    means: 'bare Closed indications sent to sources of data that met no entry',
  },
  closed_indications_over_budget: {
    unit: 'datagrams',
    means: 'such indications not sent: a budget was used up',
  },
} as const satisfies Record<string, CounterMeaning>;

/**
 * Every counter of a data plane, in the order of a row. `npm run build:interface` generates the C++
 * side. All start at 0 when the plane is opened and never decrease.
 */
export const COUNTERS = { ...VERDICT_COUNTERS, ...IO_COUNTERS };

/** The name of a counter. */
export type CounterName = keyof typeof COUNTERS;

/** Totals by counter. */
export type Counters = Readonly<Record<CounterName, bigint>>;
