import Type, { type Static } from 'typebox';
import { NAME_PATTERN } from '../names.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import { CHECK_LIMITS } from './check-limits.js';
import { MEASUREMENT_LIMITS } from './measurement-limits.js';
import { REGISTRATION_LIMITS } from './registration-limits.js';
import type { Registry, RegistryChanges } from './types.js';
import { WATCH_ALL } from './watched-relays.js';

/** Maximum relays that a peer may ask to avoid. */
export const AVOIDED_RELAYS_MAX = 8;

/** Maximum number of relays that a peer is asked to measure. */
export const PING_CANDIDATES_MAX = 12;

/** Maximum latencies that a peer may report. */
export const LATENCIES_MAX = 256;

/**
 * The shapes that relays and directories exchange (docs/registration.md). Unknown members are let
 * through, so that a newer relay can register with an older directory; `canonicalRecord` drops
 * them.
 */

/** A tenant, relay or region name (PROTOCOL.md, Terms). */
export const Name = Type.String({ pattern: `^${NAME_PATTERN}$` });

/** An IP address; 45 characters is the longest IPv6 text. */
export const AddressText = Type.String({ minLength: 2, maxLength: 45 });

export const Port = Type.Integer({ minimum: 1, maximum: 65_535 });

export const AddressShape = Type.Object({ address: AddressText, port: Port });

/** Round trip in ms, by relay id or region. */
export const Latencies = Type.Record(
  Type.String({ pattern: `^${NAME_PATTERN}$` }),
  Type.Number({ minimum: 0, maximum: 60_000 }),
  {
    additionalProperties: false,
    maxProperties: LATENCIES_MAX,
    description: 'Relay or region id to milliseconds, as the peer measured.',
  },
);

/** The address families of a peer. */
export const Families = Type.Array(Type.Union([Type.Literal(4), Type.Literal(6)]), {
  minItems: 1,
  maxItems: 2,
  description: 'The address families that it can use; it is served with no other.',
});

/** Relays that a peer asks to avoid. */
export const AvoidedRelays = Type.Array(Name, {
  maxItems: AVOIDED_RELAYS_MAX,
  description: 'Ids of relays that it is not given while another can serve.',
});

/** Unix ms, exact in a number. */
const UnixMs = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const addresses = (maxItems: number) => Type.Array(AddressShape, { minItems: 1, maxItems });

/** A relay's registration (`RelayRecord`). */
export const RelayRecordShape = Type.Object({
  id: Name,
  region: Name,
  start: UnixMs,
  publicKey: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
  serviceAddresses: addresses(REGISTRATION_LIMITS.relayAddressesMax),
  trunkAddresses: addresses(REGISTRATION_LIMITS.relayAddressesMax),
  trunkSources: addresses(DATA_PLANE_LIMITS.trunkSourcesMax),
  recordsMax: Type.Integer({ minimum: 1, maximum: 65_535 }),
});

const RelayLoadShape = Type.Object({
  legs: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  legsMax: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  cpu: Type.Number({ minimum: 0, maximum: 1 }),
  packetsPerSecond: Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  turn: Type.Optional(
    Type.Object({
      allocations: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
      allocationsMax: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    }),
  ),
});

const RegistryVersion = Type.String({ pattern: '^[\\w.-]{1,128}$' });

/** Absent if empty, and from directories that decide no claims. */
const Proved = Type.Optional(Type.Array(Name, { maxItems: REGISTRATION_LIMITS.relaysMax }));

/** The static type is `Registry` with read-only arrays, so that responses are not copied. */
const RegistryShape = Type.Unsafe<Registry>(
  Type.Object({
    version: RegistryVersion,
    relays: Type.Array(RelayRecordShape, { maxItems: REGISTRATION_LIMITS.relaysMax }),
    proved: Proved,
  }),
);

const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** The static type is `RegistryChanges` for the same reason. */
export const RegistryChangesBody = Type.Unsafe<RegistryChanges>(
  Type.Object({
    since: RegistryVersion,
    removed: Type.Array(Name, { maxItems: REGISTRATION_LIMITS.relaysMax }),
    relays: Type.Array(RelayRecordShape, { maxItems: REGISTRATION_LIMITS.relaysMax }),
    proved: Type.Array(Name, { maxItems: REGISTRATION_LIMITS.relaysMax }),
  }),
);

/** The digests of a registry's parts. */
export const RegistryIndexBody = Type.Object({
  parts: Type.Array(Digest, { minItems: 2, maxItems: REGISTRATION_LIMITS.relaysMax }),
});

export const RelayParams = Type.Object({ id: Name });

/** `IP:PORT` or `[IPv6]:PORT`, 53 characters at most. */
const AddressAndPort = Type.String({ minLength: 3, maxLength: 53 });

/**
 * Any text, so that a newer relay's reasons do not fail its beats; other texts than short words
 * become UNKNOWN_REASON.
 */
const Reason = Type.String();

/** An absent member means no report of that kind. */
const ReachabilityShape = Type.Object({
  watchShare: Type.Optional(Type.Integer({ minimum: 0, maximum: WATCH_ALL })),
  trunk: Type.Optional(
    Type.Array(Type.Object({ id: Name, reason: Reason }), {
      maxItems: REGISTRATION_LIMITS.reportEntriesMax,
    }),
  ),
  service: Type.Optional(
    Type.Array(Type.Object({ id: Name, address: AddressAndPort, reason: Reason }), {
      maxItems: REGISTRATION_LIMITS.reportEntriesMax,
    }),
  ),
});

/** Unbounded here: a relay takes as many as it can check. */
const Checks = Type.Array(Type.Object({ id: Name, address: AddressAndPort }));

/** Unbounded here, as `Checks`. */
const ClaimChallenges = Type.Array(
  Type.Object({
    id: Name,
    publicKey: RelayRecordShape.properties.publicKey,
    address: AddressAndPort,
  }),
);

/** Results of challenges; absent from a relay that makes none. */
const ClaimResults = Type.Optional(
  Type.Array(Type.Object({ id: Name, address: AddressAndPort, proved: Type.Boolean() }), {
    maxItems: CHECK_LIMITS.claimChallengesMax,
  }),
);

/** Absent from a relay that is told neither. */
const RelaySiteShape = Type.Optional(
  Type.Object({
    provider: Type.Optional(Name),
    location: Type.Optional(
      Type.Tuple([
        Type.Number({ minimum: -90, maximum: 90 }),
        Type.Number({ minimum: -180, maximum: 180 }),
      ]),
    ),
  }),
);

const RoundTripMs = Type.Number({ minimum: 0, maximum: MEASUREMENT_LIMITS.roundTripMsMax });
const LossShare = Type.Number({ minimum: 0, maximum: 1 });
const KnownLossShare = Type.Union([LossShare, Type.Null()]);
const SampleCount = Type.Integer({ minimum: 1, maximum: MEASUREMENT_LIMITS.countMax });

/** An IP prefix; 49 characters is the longest text. */
const NetworkText = Type.String({ minLength: 4, maxLength: 49 });

export const TrunkMeasurementShape = Type.Object({
  relay: Name,
  rtt: RoundTripMs,
  jitter: RoundTripMs,
  loss: Type.Tuple([KnownLossShare, KnownLossShare]),
  count: SampleCount,
});

export const LegMeasurementShape = Type.Object({
  network: NetworkText,
  rtt: RoundTripMs,
  sd: RoundTripMs,
  jitter: Type.Optional(RoundTripMs),
  loss: Type.Optional(LossShare),
  count: SampleCount,
});

/**
 * A relay's `Measurements`, of any value: a wrong one fails no beat (`decodeMeasurements`). Absent
 * from a relay that measures nothing for the directory.
 */
const MeasurementsShape = Type.Unknown();

/** The `MeasuringRole` of a relay; any text, so that a newer role makes no answer malformed. */
const Measure = Type.Optional(Type.String());

/** Number of an answer to a relay; rises with each. */
const Sequence = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));

/** Absent from a relay that takes the registry inside responses only. */
const FetchesRegistry = Type.Optional(Type.Boolean());

/** Absent from a relay that fetches all of the registry after each change. */
const TakesChanges = Type.Optional(Type.Boolean());

/** Body of a registration. */
export const RegistrationRequest = Type.Object({
  record: RelayRecordShape,
  site: RelaySiteShape,
  load: RelayLoadShape,
  draining: Type.Boolean(),
  fetchesRegistry: FetchesRegistry,
  takesChanges: TakesChanges,
  /** The version that the relay has, of this directory or another; absent from older relays. */
  registryVersion: Type.Optional(Type.Union([RegistryVersion, Type.Null()])),
  reachability: Type.Optional(ReachabilityShape),
  claims: ClaimResults,
});
export type RegistrationRequest = Static<typeof RegistrationRequest>;

/** A registry, or a part of one, that is fetched by its digest. */
export const RegistryBody = Type.Unsafe<Pick<Registry, 'relays' | 'proved'>>(
  Type.Object({
    relays: Type.Array(RelayRecordShape, { maxItems: REGISTRATION_LIMITS.relaysMax }),
    proved: Proved,
  }),
);

/** What a relay fetches by a digest. */
export const FetchedBody = Type.Unsafe<Buffer>(
  Type.Union([RegistryBody, RegistryIndexBody, RegistryChangesBody]),
);

export const RegistryParams = Type.Object({ id: Name, digest: RegistryVersion });

/** What an answer says of the registry. */
const REGISTRY_NEWS = {
  /** Absent beside `registry`, and while a relay should keep the registry that it has. */
  registryVersion: Type.Optional(RegistryVersion),
  /** For a relay that does not fetch it. */
  registry: Type.Optional(RegistryShape),
  /** What leads from the version that the relay has named to `registryVersion`. */
  registryChanges: Type.Optional(RegistryChangesBody),
  /** The same, to be fetched. */
  registryChangesDigest: Type.Optional(Digest),
};

/** Maximum interval until the next beat; absent while it is `REGISTRATION_LIMITS.beatMsMax`. */
const BeatSeconds = Type.Optional(Type.Integer({ minimum: 1 }));

/** Response to a registration. */
export const RegistrationAnswer = Type.Object({
  ...REGISTRY_NEWS,
  beatSeconds: BeatSeconds,
  check: Type.Optional(Checks),
  challenge: Type.Optional(ClaimChallenges),
  sequence: Sequence,
});

/** Body of a beat. */
export const BeatRequest = Type.Object({
  start: UnixMs,
  registryVersion: Type.Union([RegistryVersion, Type.Null()]),
  load: RelayLoadShape,
  /** `sequence` of the newest answer that the relay had when it read its load. */
  after: Sequence,
  draining: Type.Boolean(),
  fetchesRegistry: FetchesRegistry,
  takesChanges: TakesChanges,
  reachability: Type.Optional(ReachabilityShape),
  claims: ClaimResults,
  measurements: Type.Optional(MeasurementsShape),
});
export type BeatRequest = Static<typeof BeatRequest>;

/** Response to a beat. */
export const BeatAnswer = Type.Object({
  ...REGISTRY_NEWS,
  beatSeconds: BeatSeconds,
  check: Type.Optional(Checks),
  challenge: Type.Optional(ClaimChallenges),
  sequence: Sequence,
  measure: Measure,
});

/** The incarnation that deregisters, in decimal. */
export const DeregistrationQuery = Type.Object({ start: Type.String({ pattern: '^\\d{1,16}$' }) });

/** The members of a problem document that a relay reads (RFC 9457). */
export const RegistrationProblem = Type.Object({
  code: Type.String(),
  detail: Type.Optional(Type.String()),
  lastStart: Type.Optional(UnixMs),
  /** Only with `address-contested`: the relays whose challenges the claimant must answer. */
  checkers: Type.Optional(
    Type.Array(RelayRecordShape, { maxItems: CHECK_LIMITS.claimCheckersMax }),
  ),
  challenge: Type.Optional(ClaimChallenges),
});
