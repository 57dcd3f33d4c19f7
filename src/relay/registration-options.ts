import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type {
  ClaimChallenge,
  ClaimResult,
  Measurements,
  ReachabilityReport,
  Registry,
  RelayLoad,
  RelayRecord,
  ServiceCheck,
} from '../registry/types.js';
import type { AnswersAt } from '../trunk/relay-membership.js';
import type { OwnSite } from './own-record.js';

/** What a relay measures for its directory, and hears of what it is to measure. */
export interface RelayMeasurements {
  /** Returns the measurements for a beat. */
  report(): Partial<Measurements>;
  /**
   * Takes the answer to that beat: its report has arrived.
   * @param measure - a `MeasuringRole`, or one that this version does not know; undefined from a
   *   directory that does not read measurements
   */
  answered(measure: string | undefined): void;
}

/** Dependencies of a `RegistrationClient`. */
export interface RegistrationClientOptions {
  /** `http://` or `https://`, with a path only if a proxy strips it. */
  readonly directoryUrl: string;
  readonly id: string;
  /** The registration key, 32 bytes (PROTOCOL.md section 1). */
  readonly registrationKey: Uint8Array;
  /** Returns the record; called for each request. */
  readonly record: () => RelayRecord;
  /** Where this relay is, and whose host it is. Default: not told. */
  readonly site?: OwnSite | undefined;
  readonly load: () => RelayLoad;
  readonly draining: () => boolean;
  /** Returns what this relay cannot reach now. Default: no report. */
  readonly reachability?: () => ReachabilityReport;
  /** Called with the service addresses of other relays to check from now on. */
  readonly onChecks?: (checks: readonly ServiceCheck[]) => void;
  /** What is measured for the directory. Default: nothing, and nothing is told of it. */
  readonly measurements?: RelayMeasurements;
  /** Returns results of challenges. Without it the directory appoints none. */
  readonly claims?: () => readonly ClaimResult[];
  /** Called with the relays' keys to challenge from now on. */
  readonly onClaimChallenges?: (challenges: readonly ClaimChallenge[]) => void;
  /** Called with the relays that challenge this one, because others claim its addresses too. */
  readonly onCheckers?: (checkers: readonly RelayRecord[]) => void;
  /** Returns whether a relay answers authenticated probes at an address. Default: none does. */
  readonly answersAt?: AnswersAt;
  /** Called when the relays in use changed: the registry's, and vanished ones in their grace. */
  readonly onRegistry: (registry: Registry) => void;
  /** Called when `record().start` must be at least `lowest`: the directory knows a later start. */
  readonly onStart: (lowest: number) => void;
  /** Called after a later process took the id (ERR_TURNPIKE_RELAY_ID_TAKEN); beats have ended. */
  readonly onSuperseded: () => void;
  readonly clock?: Clock;
  readonly random?: RandomBytes;
  readonly logger?: Logger;
}
