import Type from 'typebox';
import { transportAddress } from '../address.js';
import { CREDENTIAL_TTL_SECONDS_MAX } from '../auth/tenant-credentials.js';
import type { OptionSpec } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import {
  AddressShape,
  AVOIDED_RELAYS_MAX,
  AvoidedRelays,
  Families,
  LATENCIES_MAX,
  Latencies,
  Name,
  PING_CANDIDATES_MAX,
} from '../registry/schemas.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import type {
  CallOptions,
  CandidatesRequest,
  ConnectionRequest,
  PeerHints,
  RelayCandidate,
} from './directory-client.js';
import type { DirectoryAccess } from './directory-problem.js';
import { GrantShape, parseGrant } from './grant.js';
import type { JoinOptions, MeetOptions } from './join.js';
import { OPEN_TIMEOUT_MS, OPEN_TIMEOUT_MS_MAX, OPEN_TIMEOUT_MS_MIN } from './leg-requests.js';
import type { MeasureOptions } from './measure.js';
import { RECEIVE_QUEUE_MESSAGES, RECEIVE_QUEUE_MESSAGES_MAX } from './message-queue.js';
import type { PeerOptions } from './peer-options.js';
import { GIVE_UP_MS_MAX } from './reconnecting-peer.js';
import { MEASURE_MS, MEASURE_MS_MAX, MEASURE_PINGS, MEASURE_PINGS_MAX } from './relay-pings.js';
import type { NextOptions, RendezvousOptions } from './rendezvous.js';

/** Specs of `DirectoryAccess`. */
export const ACCESS_SPECS = {
  directoryUrl: { ...SPECS.directoryUrl, required: true },
  apiKey: { ...SPECS.apiKey, required: true },
  ca: { kind: 'pem', confidential: true },
} as const satisfies Record<keyof DirectoryAccess, OptionSpec>;

/** Specs of `CallOptions`. */
export const CALL_SPECS = {
  signal: SPECS.signal,
} as const satisfies Record<keyof CallOptions, OptionSpec>;

/** Specs of `PeerHints`. */
export const HINTS_SPECS = {
  address: { kind: 'ip' },
  latencies: {
    kind: 'data',
    schema: Latencies,
    words: `0 to 60,000 ms by relay or region id, ${LATENCIES_MAX} of them at most`,
  },
  region: SPECS.name,
  family: { kind: 'choice', choices: [4, 6] },
  families: { kind: 'data', schema: Families, words: 'a list of 4, 6 or both' },
  avoid: {
    kind: 'data',
    schema: AvoidedRelays,
    words: `a list of ${AVOIDED_RELAYS_MAX} relay ids at most`,
  },
} as const satisfies Record<keyof PeerHints, OptionSpec>;

/** Specs of `ConnectionRequest`. */
export const REQUEST_SPECS = {
  peers: {
    kind: 'options',
    options: HINTS_SPECS,
    required: true,
    repeat: true,
    itemsMin: 2,
    itemsMax: 2,
  },
  ttlSeconds: { kind: 'integer', minimum: 1, maximum: CREDENTIAL_TTL_SECONDS_MAX },
  session: SPECS.room,
} as const satisfies Record<keyof ConnectionRequest, OptionSpec>;

/** Specs of `CandidatesRequest`. */
export const CANDIDATES_SPECS = {
  peer: { kind: 'options', options: HINTS_SPECS },
  relays: { kind: 'integer', minimum: 1, maximum: PING_CANDIDATES_MAX },
} as const satisfies Record<keyof CandidatesRequest, OptionSpec>;

const Candidates = Type.Array(
  Type.Object({ id: Name, region: Name, addresses: Type.Array(AddressShape) }),
  { maxItems: LATENCIES_MAX },
);

/** Decodes the addresses of a relay. @throws TurnpikeError ERR_TURNPIKE_ADDRESS */
function withPlainAddresses({ addresses, ...relay }: RelayCandidate): RelayCandidate {
  return {
    ...relay,
    addresses: addresses.map(({ address, port }) => transportAddress(address, port)),
  };
}

/** Specs of `MeasureOptions`. */
export const MEASURE_SPECS = {
  directoryUrl: SPECS.directoryUrl,
  apiKey: SPECS.apiKey,
  ca: ACCESS_SPECS.ca,
  candidates: {
    kind: 'data',
    schema: Candidates,
    convert: (value) => (value as RelayCandidate[]).map(withPlainAddresses),
    lenient: true,
    words: 'relays as `listCandidates` returns them',
  },
  families: HINTS_SPECS.families,
  region: SPECS.name,
  relays: CANDIDATES_SPECS.relays,
  bind: SPECS.address,
  count: { kind: 'integer', minimum: 1, maximum: MEASURE_PINGS_MAX, default: MEASURE_PINGS },
  timeoutMs: { kind: 'integer', minimum: 1, maximum: MEASURE_MS_MAX, default: MEASURE_MS },
  signal: SPECS.signal,
  onProgress: { kind: 'function' },
  scheduler: SPECS.scheduler,
  random: SPECS.random,
} as const satisfies Record<keyof MeasureOptions, OptionSpec>;

/** Specs of `PeerOptions` without the grant. */
const OPENING_SPECS = {
  bind: SPECS.address,
  integrity: {
    kind: 'choice',
    choices: ['auto', 'sha256', 'sha1'],
    default: 'auto',
  },
  openTimeoutMs: {
    kind: 'integer',
    minimum: OPEN_TIMEOUT_MS_MIN,
    maximum: OPEN_TIMEOUT_MS_MAX,
    default: OPEN_TIMEOUT_MS,
  },
  lifetimeSeconds: {
    kind: 'integer',
    minimum: 1,
    maximum: LEG_LIMITS.lifetimeSecondsMax,
    default: LEG_LIMITS.lifetimeSeconds,
  },
  receiveQueueMessagesMax: {
    kind: 'integer',
    minimum: 1,
    maximum: RECEIVE_QUEUE_MESSAGES_MAX,
    default: RECEIVE_QUEUE_MESSAGES,
  },
  signal: SPECS.signal,
  logger: SPECS.logger,
  scheduler: SPECS.scheduler,
  random: SPECS.random,
} as const satisfies Partial<Record<keyof PeerOptions, OptionSpec>>;

/** Specs of `PeerOptions`. */
export const PEER_SPECS = {
  ...OPENING_SPECS,
  grant: {
    kind: 'data',
    schema: GrantShape,
    convert: parseGrant,
    lenient: true,
    required: true,
    confidential: true,
    words: "a peer's half of the directory's answer (`createConnection`)",
  },
} as const satisfies Record<keyof PeerOptions, OptionSpec>;

/** Specs of `MeetOptions`. */
export const MEET_SPECS = {
  ...OPENING_SPECS,
  avoid: HINTS_SPECS.avoid,
  onProgress: { kind: 'function' },
} as const satisfies Record<keyof MeetOptions, OptionSpec>;

/** Specs of `RendezvousOptions`. */
export const RENDEZVOUS_SPECS = {
  ...ACCESS_SPECS,
  room: { ...SPECS.room, required: true },
  hints: { kind: 'options', options: HINTS_SPECS },
  measure: { kind: 'boolean', default: true },
  bind: SPECS.address,
  member: {
    kind: 'text',
    pattern: '^[A-Za-z0-9_-]{16,64}$',
    words: '16 to 64 characters of A-Z, a-z, 0-9, "_" and "-"',
  },
  signal: SPECS.signal,
  logger: SPECS.logger,
  scheduler: SPECS.scheduler,
  random: SPECS.random,
} as const satisfies Record<keyof RendezvousOptions, OptionSpec>;

/** `ReconnectOptions`, or whether to reconnect with the defaults. */
const Reconnect = Type.Union([
  Type.Boolean(),
  Type.Object(
    {
      giveUpMs: Type.Optional(Type.Integer({ minimum: 1, maximum: GIVE_UP_MS_MAX })),
      fromStart: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
]);

/** Specs of `NextOptions`. */
export const NEXT_SPECS = {
  signal: SPECS.signal,
  avoid: HINTS_SPECS.avoid,
} as const satisfies Record<keyof NextOptions, OptionSpec>;

/** Specs of `JoinOptions`. */
export const JOIN_SPECS = {
  region: SPECS.name,
  reconnect: {
    kind: 'data',
    schema: Reconnect,
    words: 'true, false or an object of giveUpMs (whole milliseconds) and fromStart (a boolean)',
  },
  ...RENDEZVOUS_SPECS,
  ...MEET_SPECS,
} as const satisfies Record<keyof JoinOptions, OptionSpec>;
