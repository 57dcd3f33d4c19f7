import type { AddressInput } from '../address.js';
import { CHALLENGE_SPECS } from '../auth/option-specs.js';
import { LIMITS } from '../limits.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import { DATA_PLANE_SPECS, FORWARDING_SPECS } from '../native/option-specs.js';
import { HOST_SPECS, type HostOptions } from '../options/host.js';
import type { Checked, OneOrMore, OptionSpec, OptionSpecs } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import { LEG_LIMITS } from '../overlay/leg-limits.js';
import { RelayRecordShape } from '../registry/schemas.js';
import type { RelayRecord } from '../registry/types.js';
import type { ForwardingOptions } from './forwarding-options.js';

/** Options of `Relay.open`. */
export interface RelayOptions extends ForwardingOptions, HostOptions {
  /** The relay's id: `[a-z0-9][a-z0-9.-]{0,62}`, unique in the cluster. */
  readonly id: string;
  /** The region's name, of the same form. */
  readonly region: string;
  /** UDP addresses for peers, 1 to 16; port 0 takes a free one. */
  readonly listen: OneOrMore<AddressInput>;
  /** UDP addresses for other relays, 1 to 16; port 0 takes a free one. */
  readonly trunk: OneOrMore<AddressInput>;
  /**
   * Addresses to advertise in place of `listen`, in the same order; required if one of those is a
   * wildcard. Port 0 means the bound port. Default: the bound addresses.
   */
  readonly advertise?: OneOrMore<AddressInput> | undefined;
  /** As `advertise`, for `trunk`. */
  readonly advertiseTrunk?: OneOrMore<AddressInput> | undefined;
  /** The relay secret, 32 bytes (PROTOCOL.md section 1). */
  readonly relaySecret: Uint8Array;
  /** The tenant root, 32 bytes (PROTOCOL.md section 1). */
  readonly tenantRoot: Uint8Array;
  /** URL of the directory to register with; without one the relay knows only `relays`. */
  readonly directoryUrl?: string | URL | undefined;
  /**
   * RELAY-START, Unix ms (PROTOCOL.md section 3). State shared with other relays is valid while it
   * is the same. Must be higher than an earlier one of the same id. Default: the clock's time.
   */
  readonly incarnation?: number | undefined;
  /** Relays known from the start. Default none. */
  readonly relays?: readonly RelayRecord[] | undefined;
  /** Maximum legs, 1 to 8,388,608. Default 131,072. */
  readonly legsMax?: number | undefined;
  /** Responses to unauthenticated requests per source and second. Default 100. */
  readonly challengesPerSecond?: number | undefined;
  /** Responses to unauthenticated requests per source in a burst. Default 2,000. */
  readonly challengesBurst?: number | undefined;
}

/** Specs of `RelayOptions`; the type requires one for each member. */
export const RELAY_SPECS = {
  id: { ...SPECS.name, required: true },
  region: { ...SPECS.name, required: true },
  listen: { ...FORWARDING_SPECS.addresses, required: true },
  trunk: { ...FORWARDING_SPECS.addresses, required: true },
  advertise: { ...FORWARDING_SPECS.addresses, itemsMin: 0 },
  advertiseTrunk: { ...FORWARDING_SPECS.addresses, itemsMin: 0 },
  relaySecret: { ...SPECS.secret, required: true },
  tenantRoot: { ...SPECS.secret, required: true },
  directoryUrl: SPECS.directoryUrl,
  incarnation: { kind: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  relays: {
    kind: 'data',
    repeat: true,
    itemsMax: LIMITS.relaysMax,
    schema: RelayRecordShape,
    words: 'a relay record (`Relay#record`)',
    lenient: true,
  },
  legsMax: {
    kind: 'integer',
    minimum: 1,
    maximum: Math.min(DATA_PLANE_LIMITS.clientFlowsLimit, DATA_PLANE_LIMITS.sessionsLimit / 2),
    default: LEG_LIMITS.legsMax,
  },
  challengesPerSecond: CHALLENGE_SPECS.challengesPerSecond,
  challengesBurst: CHALLENGE_SPECS.challengesBurst,
  workers: DATA_PLANE_SPECS.workers,
  trunkMtuBytes: DATA_PLANE_SPECS.trunkMtuBytes,
  coalescingUs: DATA_PLANE_SPECS.coalescingUs,
  busyPollUs: DATA_PLANE_SPECS.busyPollUs,
  cpus: DATA_PLANE_SPECS.cpus,
  xdp: DATA_PLANE_SPECS.xdp,
  ...HOST_SPECS,
} as const satisfies Record<keyof RelayOptions, OptionSpec>;

/** Specs of `Relay#setChallengeBudget`. */
export const BUDGET_SPECS = {
  perSecond: { ...CHALLENGE_SPECS.challengesPerSecond, required: true },
  burst: { ...CHALLENGE_SPECS.challengesBurst, required: true },
} as const satisfies OptionSpecs;

/** Validated options of `Relay.open`. */
export type CheckedRelayOptions = Checked<RelayOptions, typeof RELAY_SPECS>;
