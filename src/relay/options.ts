import type { AddressInput } from '../address.js';
import type { HostOptions } from '../options/host.js';
import type { Checked, OneOrMore, Settings } from '../options/option-spec.js';
import type { Update } from '../options/update.js';
import { RelayRecordShape } from '../registry/schemas.js';
import type { RelayRecord } from '../registry/types.js';
import { RELAYS_WATCHED_MAX } from '../registry/watched-relays.js';
import type { TurnSettings } from '../turn-server/options.js';
import type { ForwardingOptions } from './forwarding-options.js';
import { RELAY_BASE_SPECS } from './option-specs.js';

/** Options of `Relay.open`. */
export interface RelayOptions extends ForwardingOptions, HostOptions, TurnSettings {
  /** The relay's id: `[a-z0-9][a-z0-9.-]{0,62}`, unique in the cluster. */
  readonly id: string;
  /** The region's name, of the same form. */
  readonly region: string;
  /** Name of who runs its host, of the same form: alternates are of another one if possible. */
  readonly provider?: string | undefined;
  /** Where it is: `LAT,LON`, degrees north and east with at most six decimals. */
  readonly location?: string | undefined;
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
  /**
   * Whether tenants' users are served standard TURN, by credentials of `mintTurnCredential`. It is
   * served to users and by shared secrets wherever these are given. Default false.
   */
  readonly turn?: boolean | undefined;
  /** Responses to unauthenticated requests per source and second. Default 100. */
  readonly challengesPerSecond?: number | undefined;
  /** Responses to unauthenticated requests per source in a burst. Default 2,000. */
  readonly challengesBurst?: number | undefined;
}

/** The settings of a relay; the type requires one for each member of `RelayOptions`. */
export const RELAY_SPECS = {
  ...RELAY_BASE_SPECS,
  relays: {
    kind: 'data',
    changes: 'while running',
    repeat: true,
    itemsMax: RELAYS_WATCHED_MAX,
    schema: RelayRecordShape,
    words: 'a relay record (`Relay#record`)',
    lenient: true,
    description: 'relays that are known by other means than a directory',
  },
} as const satisfies Settings<RelayOptions>;

/** Settings of `Relay#update`: those that can change while a relay runs. */
export type RelayUpdate = Update<RelayOptions, typeof RELAY_SPECS>;

/** Validated options of `Relay.open`. */
export type CheckedRelayOptions = Checked<RelayOptions, typeof RELAY_SPECS>;
