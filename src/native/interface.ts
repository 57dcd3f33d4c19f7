/**
 * What the TypeScript of a data plane and its C++ must agree on: limits, numbers of kinds, and the
 * layout of memory that one side writes and the other reads. `npm run build:interface` generates
 * the C++ side from this file and from counters.ts; test/house fails where that was forgotten.
 */

/** Limits of a data plane; `kWorkersMax` and the like in C++. */
export const DATA_PLANE_LIMITS = {
  /** Worker threads of one data plane. */
  workersMax: 16,
  /** Addresses that a data plane binds for peers, and again for other relays. */
  addressesPerSideMax: 16,
  /** Largest CPU number that a worker may be pinned to, plus one. */
  cpusMax: 1_024,
  /** Largest table of client flows that an option may ask for. */
  clientFlowsLimit: 16_777_216,
  /** Largest table of sessions that an option may ask for. */
  sessionsLimit: 16_777_216,
  /** Largest table of other relays that an option may ask for. */
  trunkPeersLimit: 65_536,
  /** Source addresses of one relay: as many as a registration lists (PROTOCOL.md section 4). */
  trunkSourcesMax: 64,
  /** Ways to one relay whose probes are told what we hear by them. */
  trunkWaysMax: 16,
  /** Keys that data of one relay is accepted by: of yesterday, today and tomorrow. */
  receiveKeysMax: 3,
  /** Keys for what one relay is sent, one for each of so many days. */
  sendKeysMax: 8,
  /**
   * Sets of lanes for data, of workersMax lanes each: a worker's data has the lane worker +
   * workersMax × set. The set after the last is that of path probes and their replies, which have
   * counters of their own: one sent by a slow path would otherwise arrive behind the replay window.
   * Lanes from 128 on are the fast path's.
   */
  laneSets: 7,
  /** Lanes that a relay can have: the lane is one byte of a trunk datagram. */
  lanes: 256,
  /** Largest UDP payload in bytes: over IPv6 without jumbograms, 65,535 less 8 of UDP. */
  datagramBytesMax: 65_527,
  /** Smallest `trunkMtuBytes`: the UDP payload of the 576 bytes that every IPv4 host takes. */
  trunkMtuBytesMin: 508,
  /** Bytes of a path probe without padding (PROTOCOL.md section 4). */
  pathProbeBytesMin: 36,
  /** Longest pause for which a loaded worker leaves packets in its sockets, in microseconds. */
  coalescingUsMax: 1_000,
  /** Longest time for which an idle worker polls its sockets before it sleeps, in microseconds. */
  busyPollUsMax: 1_000_000,
  /** Bare Closed indications a second that an option may allow, of all workers together. */
  closedIndicationsPerSecondMax: 1_000_000,
  /** Largest datagram handed up to TypeScript, in bytes. */
  puntBytesMax: 2_048,
  /** Smallest queue of punted datagrams, in bytes. */
  puntQueueBytesMin: 16_384,
  /** Largest queue of punted datagrams that an option may ask for, in bytes. */
  puntQueueBytesLimit: 268_435_456,
  /** Commands that wait in one worker's queue. */
  commandQueueLength: 16_384,
  /** Endpoints of one worker that are open, opening or closing at once. */
  endpointsPerWorkerMax: 16_384,
  /** Commands to open and close endpoints of one worker whose answers are still to come. */
  endpointCommandsMax: 1_024,
  /** Events of the endpoints of one worker that wait to be handed up. */
  endpointEventsMax: 1_024,
  /** Bytes of the scratch memory. */
  scratchBytes: 2_048,
  /**
   * Largest difference of session sequences that counts as loss or as reordering. A larger one says
   * that another worker or relay had the session meanwhile, and only sets the new start.
   */
  sessionSequenceGapMax: 4_096,
  /** Longest lifetime of an entry that expires, in seconds: 31 years. */
  entryLifetimeSecondsMax: 1_000_000_000,
  /** Bits of a leg's first counter word that count packets; those above hold a second. */
  legPacketsBits: 40,
} as const;

/** Stands for all workers where one is named. */
export const EVERY_WORKER = 0xffff_ffff;

/** What a call of the addon came to. */
export const Status = {
  Ok: 0,
  /** A table is full. */
  Limit: 1,
  /** A command queue has no room; nothing was applied. */
  QueueFull: 2,
  /** The data plane is closed. */
  Closed: 3,
  /** The caller's mistake: a value or an index is out of its bounds. */
  Invalid: 4,
  /** An address that the socket in question can never send to or receive from. */
  Address: 5,
  /** A socket could not be opened or bound. */
  Bind: 6,
  /** The system refused memory, a thread or a descriptor. */
  System: 7,
  /** An entry or a probe names a relay that is not there. */
  UnknownRelay: 8,
  /** An option asks for what this host does not have. */
  Option: 9,
} as const;

/** Which of a relay's two faces a socket belongs to. */
export const SIDE_NUMBERS = { client: 0, trunk: 1 } as const;

/** What `openEndpoint` opens: `client` is a UDP socket of the client side. */
export const ENDPOINT_KIND_NUMBERS = { client: 0 } as const;

/**
 * Whether the sender of a path probe or of its reply gets answers to its own probes by the same
 * way; the numbers of PROTOCOL.md section 4, where any other one is 0.
 */
export const HEARD_NUMBERS = { unknown: 0, answered: 1, unanswered: 2 } as const;

/** What a punted record is. */
export const PuntKind = {
  /** A datagram of a known sender, by the side that it came to. */
  ClientDatagram: 0,
  TrunkDatagram: 1,
  /** The reply to a plain probe. */
  ProbeReply: 2,
  /** Data of a relay on a session index that is not bound. */
  UnboundIndex: 3,
  /** A datagram of a stranger, by the side that it came to. */
  StrangerClientDatagram: 4,
  StrangerTrunkDatagram: 5,
  /** The reply to a path probe. */
  PathProbeReply: 6,
  /** The answer to `openEndpoint`: its port, or why it failed. */
  EndpointOpened: 7,
  /** The answer to `closeEndpoint`. */
  EndpointClosed: 8,
  /** An endpoint is closed that nobody asked to close. */
  EndpointEnded: 9,
  /** An ICMP error to a datagram that left through an endpoint. */
  IcmpError: 10,
} as const;

/** Counters of a leg that the addon reads from a flow's own entry. */
export const LegField = { Packets: 0, PayloadBytes: 1, LastSecond: 2 } as const;

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
 * A field: a number in host order, 16 bytes of an IP address (IPv4 mapped) or of a key, one of the
 * kinds above, or a layout inside of this one.
 */
export type FieldType = keyof typeof FIELD_BYTES | Layout<string>;

/** A struct of C++: every field stands at a multiple of its alignment, as compilers place it. */
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

/** A 5-tuple; `handle` is three words of 16 bits, the lowest first; `local` all zero for none. */
export const FIVE_TUPLE = layout({ remote: TRANSPORT_ADDRESS, local: 'ip', handle: 'handle' });

/** The scratch memory of a call about a flow: its 5-tuple, and the one that it leads to. */
export const FLOW_COMMAND = layout({ tuple: FIVE_TUPLE, to: FIVE_TUPLE });

/** The scratch memory of `openEndpoint`; port 0 stands for the system's choice. */
export const ENDPOINT_COMMAND = layout({
  address: TRANSPORT_ADDRESS,
  kind: 'EndpointKind',
  worker: 'u8',
});

/**
 * The scratch memory of `putTrunkPeer`. Behind it come its lists without gaps: `sources`
 * TRANSPORT_ADDRESS, `sendKeys` and `receiveKeys` TRUNK_KEY, `ways` TRUNK_WAY.
 */
export const TRUNK_PEER_COMMAND = layout({
  path: FIVE_TUPLE,
  sources: 'u16',
  sendKeys: 'u16',
  receiveKeys: 'u16',
  recordsMax: 'u16',
  laneOffset: 'u16',
  bundleBytesMax: 'u16',
  lanesClosed: 'u32',
  ways: 'u16',
});

/** A key of PROTOCOL.md section 4 and the day that it is of. */
export const TRUNK_KEY = layout({ epoch: 'u16', key: 'key' });

/** A way to a relay: its address, our trunk socket, and what we hear by it. */
export const TRUNK_WAY = layout({
  remote: TRANSPORT_ADDRESS,
  socket: 'u16',
  heard: 'Heard',
  reserved: 'u8',
});

/** The head of a punted datagram; its bytes follow, padded to a multiple of 8. */
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
 * An event. `number` is that of the probe, or the session index that is not bound; `heard`,
 * `remotePort`, `socket` and `remote` are of path probes alone, `rttNs` of all probes.
 */
export const PUNTED_EVENT = layout({
  kind: 'PuntKind',
  heard: 'Heard',
  reserved: 'u16',
  relayIndex: 'u32',
  number: 'u32',
  remotePort: 'u16',
  socket: 'u16',
  rttNs: 'u64',
  remote: 'ip',
});

/**
 * An answer or an event of an endpoint. `port` is the one bound, or of the `remote` that an ICMP
 * error is about, whose `icmpInfo` is the MTU where a datagram was too long; `status` and
 * `errorNumber` say why an endpoint was not opened, or ended.
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

/** What one direction of a leg has carried; `legPacketsBits` divides the first word. */
export const LEG_TRAFFIC = layout({ packetsAndSecond: 'u64', payloadBytes: 'u64' });

/** Records to and from one relay, as one worker saw them. */
export const TRUNK_TRAFFIC = layout({
  recordsSent: 'u64',
  recordsReceived: 'u64',
  recordsLost: 'u64',
});
