/**
 * The interface of the data plane between TypeScript and C++: limits, numbers of kinds, and the
 * layout of memory that one side writes and the other reads. `npm run build:interface` generates
 * the C++ side from this file and counters.ts; test/house checks that it is up to date.
 */

/** Limits of a data plane. In C++ they are named `kWorkersMax` and so on. */
export const DATA_PLANE_LIMITS = {
  /** Worker threads of one data plane. */
  workersMax: 16,
  /** Addresses that a data plane binds on each side. */
  addressesPerSideMax: 16,
  /** IP addresses of relayed endpoints. */
  relayedIpsMax: 64,
  /** Largest CPU number that a worker may be pinned to, plus one. */
  cpusMax: 1_024,
  /** Largest table of client flows that an option may ask for. */
  clientFlowsLimit: 16_777_216,
  /** Largest table of sessions that an option may ask for. */
  sessionsLimit: 16_777_216,
  /** Largest table of other relays that an option may ask for. */
  remoteRelaysLimit: 65_536,
  /** Buckets of bandwidth of a data plane, numbered from 1. Those in use alone take memory. */
  bandwidthBucketsMax: 1_048_576,
  /** Maximum source addresses of one relay, as in a registration (PROTOCOL.md section 4). */
  trunkSourcesMax: 64,
  /**
   * Maximum paths to one relay for which probe replies report whether this relay's probes are
   * answered.
   */
  trunkPathsMax: 16,
  /** Receive keys of one relay: yesterday's, today's and tomorrow's. */
  receiveKeysMax: 3,
  /** Maximum send keys of one relay, one per day. */
  sendKeysMax: 8,
  /**
   * Sets of lanes for data, of workersMax lanes each. A worker sends data in lane worker +
   * workersMax × set. The set after the last carries path probes and their replies with separate
   * counters, because one sent on a slow path would otherwise arrive behind the replay window.
   * Lanes from 128 on belong to the fast path.
   */
  laneSets: 7,
  /** Number of lanes of a relay: the lane is one byte of a trunk datagram. */
  lanes: 256,
  /** Largest UDP payload in bytes: over IPv6 without jumbograms, 65,535 - 8. */
  datagramBytesMax: 65_527,
  /**
   * Smallest `trunkMtuBytes`: the UDP payload of a 576-byte IPv4 packet, which every host accepts.
   */
  trunkMtuBytesMin: 508,
  /** Bytes of a path probe without padding (PROTOCOL.md section 4). */
  pathProbeBytesMin: 36,
  /** Maximum batching delay of a loaded worker, in microseconds. */
  coalescingUsMax: 1_000,
  /** Longest time for which an idle worker polls its sockets before it sleeps, in microseconds. */
  busyPollUsMax: 1_000_000,
  /** Largest rate of bare Closed indications that an option may set, per second for all workers. */
  closedIndicationsPerSecondMax: 1_000_000,
  /** Largest datagram punted to TypeScript, in bytes. */
  puntBytesMax: 2_048,
  /** Smallest queue of punted datagrams, in bytes. */
  puntQueueBytesMin: 16_384,
  /** Largest queue of punted datagrams that an option may ask for, in bytes. */
  puntQueueBytesLimit: 268_435_456,
  /** Length of a worker's command queue. */
  commandQueueLength: 16_384,
  /** Endpoints of one worker that are open, opening or closing at once. */
  endpointsPerWorkerMax: 16_384,
  /** Maximum endpoint commands of one worker that wait for a response. */
  endpointCommandsMax: 1_024,
  /** Maximum endpoint events of one worker that wait to be read. */
  endpointEventsMax: 1_024,
  /** Bytes of the scratch memory. */
  scratchBytes: 2_048,
  /**
   * Largest difference of session sequences that counts as loss or reordering. A larger one means
   * that another worker or relay had the session meanwhile, and sets a new start.
   */
  sessionSequenceGapMax: 4_096,
  /** Longest lifetime of an entry that expires, in seconds: 31 years. */
  entryLifetimeSecondsMax: 1_000_000_000,
  /** Bits of a leg's first counter word that count packets; the others hold a second. */
  legPacketsBits: 40,
} as const;

/** A worker index that means all workers. */
export const EVERY_WORKER = 0xffff_ffff;

/** Result of a call of the addon. */
export const Status = {
  Ok: 0,
  /** A table is full. */
  Limit: 1,
  /** A command queue has no room; nothing was applied. */
  QueueFull: 2,
  /** The data plane is closed. */
  Closed: 3,
  /** A value or an index is out of bounds: a programmer error. */
  Invalid: 4,
  /** The socket can never send to or receive from the address. */
  Address: 5,
  /** A socket could not be opened or bound. */
  Bind: 6,
  /** The system refused memory, a thread or a descriptor. */
  System: 7,
  /** An entry or a probe names an unknown relay. */
  UnknownRelay: 8,
  /** An option requires something that this host lacks. */
  Option: 9,
} as const;

/**
 * The side of a relay that a socket belongs to: clients', other relays', or peers of allocations,
 * for the sockets of relayed transport addresses.
 */
export const SIDE_NUMBERS = { client: 0, trunk: 1, relayed: 2 } as const;

/**
 * What `openEndpoint` opens: a UDP socket of the client side, or that of a relayed transport
 * address (RFC 8656).
 */
export const ENDPOINT_KIND_NUMBERS = { client: 0, relayed: 1 } as const;

/**
 * Numbers in place of a channel number, in the keys of flows that match other datagrams than
 * ChannelData: those of peers at a relayed address, Send indications of clients to IPv4 and IPv6
 * peers, what leaves a relayed address to a peer behind another relay, and whatever else comes from
 * a client that has moved to another 5-tuple. An action with the first one forwards as Data
 * indications; a session with it delivers to a relayed address.
 */
export const FlowChannel = {
  None: 0,
  SendToIpv4: 1,
  SendToIpv6: 2,
  ToTrunk: 3,
  Moved: 4,
} as const;

/**
 * Whether the sender of a path probe or its reply receives replies to its own probes on the same
 * path. Numbers of PROTOCOL.md section 4; any other number means 0.
 */
export const HEARD_NUMBERS = { unknown: 0, answered: 1, unanswered: 2 } as const;

/** Kinds of punted records. */
export const PuntKind = {
  /** A datagram of a known sender, by side. */
  ClientDatagram: 0,
  TrunkDatagram: 1,
  /** The reply to a plain probe. */
  ProbeReply: 2,
  /** Data of a relay on a session index that is not bound. */
  UnboundIndex: 3,
  /** A datagram of a stranger, by side. */
  StrangerClientDatagram: 4,
  StrangerTrunkDatagram: 5,
  /** The reply to a path probe. */
  PathProbeReply: 6,
  /** The response to `openEndpoint`: the port, or the error. */
  EndpointOpened: 7,
  /** The response to `closeEndpoint`. */
  EndpointClosed: 8,
  /** The worker closed an endpoint because its socket failed. */
  EndpointEnded: 9,
  /** An ICMP error for a datagram sent by an endpoint. */
  IcmpError: 10,
  /** The first data of a client from the 5-tuple that it has moved to. */
  ClientMoved: 11,
} as const;

/** Counters of a leg that the addon reads from a flow's entry. */
export const LegField = { Packets: 0, PayloadBytes: 1, LastSecond: 2, OverBandwidth: 3 } as const;

const FIELD_BYTES = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  ip: 16,
  key: 16,
  handle: 6,
  PuntKind: 1,
  Heard: 1,
  EndpointKind: 1,
  StatusCode: 1,
};

/**
 * Type of a field: a number in host order, 16 bytes of an IP address (IPv4-mapped) or key, one of
 * the kinds above, or a nested layout.
 */
export type FieldType = keyof typeof FIELD_BYTES | Layout<string>;

/** A C++ struct. Every field is at a multiple of its alignment, as compilers place it. */
export interface Layout<Name extends string> {
  readonly bytes: number;
  readonly alignment: number;
  readonly fields: Readonly<Record<Name, FieldType>>;
  /** Offset of each field in bytes. */
  readonly at: Readonly<Record<Name, number>>;
}

function measure(type: FieldType): { bytes: number; alignment: number } {
  if (typeof type === 'object') return type;
  const bytes = FIELD_BYTES[type];
  if (type === 'handle') return { bytes, alignment: 2 };
  return { bytes, alignment: bytes === 16 ? 1 : bytes };
}

function layout<Name extends string>(fields: Readonly<Record<Name, FieldType>>): Layout<Name> {
  const at: Partial<Record<Name, number>> = {};
  let [end, widest] = [0, 1];
  for (const name of Object.keys(fields) as Name[]) {
    const { bytes, alignment } = measure(fields[name]);
    const start = Math.ceil(end / alignment) * alignment;
    at[name] = start;
    end = start + bytes;
    widest = Math.max(widest, alignment);
  }
  const bytes = Math.ceil(end / widest) * widest;
  return { bytes, alignment: widest, fields, at: at as Record<Name, number> };
}

/** An address and port. */
export const TRANSPORT_ADDRESS = layout({ ip: 'ip', port: 'u16' });

/** A 5-tuple. `handle` is three 16-bit words, lowest first; `local` is all zero for none. */
export const FIVE_TUPLE = layout({ remote: TRANSPORT_ADDRESS, local: 'ip', handle: 'handle' });

/** Scratch memory of a call about a flow: its 5-tuple, and the 5-tuple that it forwards to. */
export const FLOW_COMMAND = layout({ tuple: FIVE_TUPLE, to: FIVE_TUPLE });

/** Scratch memory of `openEndpoint`. Port 0 selects a free port. */
export const ENDPOINT_COMMAND = layout({
  address: TRANSPORT_ADDRESS,
  kind: 'EndpointKind',
  worker: 'u8',
});

/**
 * Scratch memory of `putRemoteRelay`. Its lists follow without padding: `sources` as
 * TRANSPORT_ADDRESS, `sendKeys` and `receiveKeys` as TRUNK_KEY, `paths` as TRUNK_PATH.
 */
export const REMOTE_RELAY_COMMAND = layout({
  path: FIVE_TUPLE,
  sources: 'u16',
  sendKeys: 'u16',
  receiveKeys: 'u16',
  recordsMax: 'u16',
  laneOffset: 'u16',
  bundleBytesMax: 'u16',
  lanesClosed: 'u32',
  paths: 'u16',
});

/** A trunk key (PROTOCOL.md section 4) and its day. */
export const TRUNK_KEY = layout({ epoch: 'u16', key: 'key' });

/**
 * A path to a relay: its address, the local trunk socket, and whether this relay's probes are
 * answered on it.
 */
export const TRUNK_PATH = layout({
  remote: TRANSPORT_ADDRESS,
  socket: 'u16',
  heard: 'Heard',
  reserved: 'u8',
});

/** Header of a punted datagram. Its bytes follow, padded to a multiple of 8. */
export const PUNTED_DATAGRAM = layout({
  kind: 'PuntKind',
  worker: 'u8',
  remotePort: 'u16',
  dataBytes: 'u16',
  reserved: 'u16',
  handle: 'u64',
  remote: 'ip',
  local: 'ip',
});

/**
 * A punted event. `number` is the probe's number, the unbound session index, or the number of a
 * move. `heard`, `received`, `remotePort`, `socket` and `remote` are set for path probes only,
 * `rttNs` for all probes.
 */
export const PUNTED_EVENT = layout({
  kind: 'PuntKind',
  heard: 'Heard',
  received: 'u8',
  reserved: 'u8',
  relayIndex: 'u32',
  number: 'u32',
  remotePort: 'u16',
  socket: 'u16',
  rttNs: 'u64',
  remote: 'ip',
});

/**
 * A response or event of an endpoint. `port` is the bound port, or that of `remote` for an ICMP
 * error. `icmpInfo` is the MTU if a datagram was too long. `status` and `errorNumber` tell why an
 * endpoint was not opened, or ended.
 */
export const ENDPOINT_REPORT = layout({
  kind: 'PuntKind',
  status: 'StatusCode',
  icmpType: 'u8',
  icmpCode: 'u8',
  errorNumber: 'u32',
  handle: 'u64',
  icmpInfo: 'u32',
  port: 'u16',
  reserved: 'u16',
  remote: 'ip',
});

/** Traffic of one direction of a leg. `legPacketsBits` splits the first word. */
export const LEG_TRAFFIC = layout({ packetsAndSecond: 'u64', payloadBytes: 'u64' });

/** Records to and from one relay, counted by one worker. */
export const TRUNK_TRAFFIC = layout({
  recordsSent: 'u64',
  recordsReceived: 'u64',
  recordsLost: 'u64',
});
