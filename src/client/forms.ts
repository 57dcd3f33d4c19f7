import Type from 'typebox';
import { LIMITS } from '../limits.js';
import type { OptionForm } from '../options/form.js';
import { FORMS } from '../options/forms.js';
import { AvoidedRelays, Families, Latencies } from '../registry/schemas.js';
import type { CallOptions, ConnectionRequest, PeerHints } from './directory-client.js';
import type { DirectoryAccess } from './directory-problem.js';
import { GrantShape, parseGrant } from './grant.js';
import type { JoinOptions, MeetOptions } from './join.js';
import type { PeerOptions } from './peer-options.js';
import type { NextOptions, RendezvousOptions } from './rendezvous.js';

/** The forms of `DirectoryAccess`. */
export const ACCESS_FORMS = {
  directoryUrl: { ...FORMS.directoryUrl, required: true },
  apiKey: { ...FORMS.apiKey, required: true },
  ca: { kind: 'pem', confidential: true },
} as const satisfies Record<keyof DirectoryAccess, OptionForm>;

/** The forms of `CallOptions`. */
export const CALL_FORMS = {
  signal: FORMS.signal,
} as const satisfies Record<keyof CallOptions, OptionForm>;

/** The forms of `PeerHints`. */
export const HINTS_FORMS = {
  address: { kind: 'ip' },
  latencies: {
    kind: 'data',
    schema: Latencies,
    words: `0 to 60,000 ms by relay or region id, ${LIMITS.latenciesMax} of them at most`,
  },
  region: FORMS.name,
  family: { kind: 'choice', choices: [4, 6] },
  families: { kind: 'data', schema: Families, words: 'a list of 4, 6 or both' },
  avoid: {
    kind: 'data',
    schema: AvoidedRelays,
    words: `a list of ${LIMITS.avoidedRelaysMax} relay ids at most`,
  },
} as const satisfies Record<keyof PeerHints, OptionForm>;

/** The forms of `ConnectionRequest`. */
export const REQUEST_FORMS = {
  peers: {
    kind: 'options',
    options: HINTS_FORMS,
    required: true,
    repeat: true,
    itemsMin: 2,
    itemsMax: 2,
  },
  ttlSeconds: { kind: 'integer', minimum: 1, maximum: LIMITS.ttlSecondsMax },
} as const satisfies Record<keyof ConnectionRequest, OptionForm>;

/** What a Peer is opened with, but for its grant. */
const OPENING_FORMS = {
  bind: FORMS.address,
  integrity: {
    kind: 'choice',
    choices: ['auto', 'sha256', 'sha1'],
    default: 'auto',
  },
  openTimeoutMs: {
    kind: 'integer',
    minimum: LIMITS.peerOpenMsMin,
    maximum: LIMITS.peerOpenMsMax,
    default: LIMITS.peerOpenMs,
  },
  lifetimeSeconds: {
    kind: 'integer',
    minimum: 1,
    maximum: LIMITS.lifetimeSecondsMax,
    default: LIMITS.lifetimeSeconds,
  },
  receiveQueueMessagesMax: {
    kind: 'integer',
    minimum: 1,
    maximum: LIMITS.receiveQueueMessagesLimit,
    default: LIMITS.receiveQueueMessagesMax,
  },
  signal: FORMS.signal,
  logger: FORMS.logger,
  scheduler: FORMS.scheduler,
  random: FORMS.random,
} as const satisfies Partial<Record<keyof PeerOptions, OptionForm>>;

/** The forms of `PeerOptions`. */
export const PEER_FORMS = {
  ...OPENING_FORMS,
  grant: {
    kind: 'data',
    schema: GrantShape,
    convert: parseGrant,
    lenient: true,
    required: true,
    confidential: true,
    words: "a peer's half of the directory's answer (`createConnection`)",
  },
} as const satisfies Record<keyof PeerOptions, OptionForm>;

/** The forms of `MeetOptions`. */
export const MEET_FORMS = {
  ...OPENING_FORMS,
  avoid: HINTS_FORMS.avoid,
  onProgress: { kind: 'function' },
} as const satisfies Record<keyof MeetOptions, OptionForm>;

/** The forms of `RendezvousOptions`. */
export const RENDEZVOUS_FORMS = {
  ...ACCESS_FORMS,
  room: { ...FORMS.room, required: true },
  hints: { kind: 'options', options: HINTS_FORMS },
  member: {
    kind: 'text',
    pattern: '^[A-Za-z0-9_-]{16,64}$',
    words: '16 to 64 characters of A-Z, a-z, 0-9, "_" and "-"',
  },
  signal: FORMS.signal,
  logger: FORMS.logger,
  scheduler: FORMS.scheduler,
  random: FORMS.random,
} as const satisfies Record<keyof RendezvousOptions, OptionForm>;

/** `ReconnectOptions`, or whether to reconnect by the defaults. */
const Reconnect = Type.Union([
  Type.Boolean(),
  Type.Object(
    {
      giveUpMs: Type.Optional(Type.Integer({ minimum: 1, maximum: LIMITS.peerGiveUpMsMax })),
      fromStart: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
]);

/** The forms of `NextOptions`. */
export const NEXT_FORMS = {
  signal: FORMS.signal,
  avoid: HINTS_FORMS.avoid,
} as const satisfies Record<keyof NextOptions, OptionForm>;

/** The forms of `JoinOptions`. */
export const JOIN_FORMS = {
  region: FORMS.name,
  reconnect: {
    kind: 'data',
    schema: Reconnect,
    words: 'true, false or an object of giveUpMs (whole milliseconds) and fromStart (a boolean)',
  },
  ...RENDEZVOUS_FORMS,
  ...MEET_FORMS,
} as const satisfies Record<keyof JoinOptions, OptionForm>;
