import type { TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { incarnationOf, supersedes } from '../registry/incarnation.js';
import { type AddressClaim, addressClaimsOf, claimedAddresses } from '../registry/record.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import type { Registry, RelayRecord } from '../registry/types.js';

/** Time for which a relay that vanished from the registry stays known. */
export const VANISHED_RELAY_GRACE_MS = 30_000;

interface Member {
  readonly record: RelayRecord;
  /**
   * Time of contact with a directory since the relay vanished, ms; undefined while it is listed.
   */
  absentMs: number | undefined;
  /**
   * Whether it is listed but not used, because a vanished relay still answers at one of its
   * addresses.
   */
  waits: boolean;
}

/**
 * Returns whether a relay answers authenticated probes at a trunk address; without a port, at any
 * trunk address of that IP.
 */
export type AnswersAt = (
  id: string,
  at: Pick<TransportAddress, 'address'> & { readonly port?: number },
) => boolean;

/** Dependencies of `RelayMembership`. */
export interface RelayMembershipOptions {
  readonly clock: Clock;
  /** Default VANISHED_RELAY_GRACE_MS. */
  readonly graceMs?: number;
  /** Default: no relay answers. */
  readonly answersAt?: AnswersAt;
}

/**
 * Decides which relays this relay works with; what it knows of each of them is in `RemoteRelay`.
 * They are those of the last registry and, for a grace period, those that vanished from it: a
 * directory that has just restarted lists only the relays that have come back so far, and
 * connections with the others must not end. The grace is counted in time of contact: while no
 * directory answers, no relay is forgotten.
 *
 * Where the registry gives an address to another relay than before, the one that vanished stays for
 * as long as it answers there, and the other waits: who registers first after a restart may be
 * anybody that has a relay's secret. Not so where the directory had the other one prove that it is
 * there.
 *
 * Bound: `REGISTRATION_LIMITS.relaysMax` relays; beyond it the longest absent are forgotten first.
 */
export class RelayMembership {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #answersAt: AnswersAt;
  readonly #known = new Map<string, Member>();
  #proved: ReadonlySet<string> = new Set();
  /** The relays in use after the last update or contact. */
  #relays: readonly RelayRecord[] = [];
  /** Whether any known relay has vanished. */
  #hasAbsent = false;
  #contactAtMs: number;

  constructor({
    clock,
    graceMs = VANISHED_RELAY_GRACE_MS,
    answersAt = () => false,
  }: RelayMembershipOptions) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#answersAt = answersAt;
    this.#contactAtMs = clock.monotonic();
  }

  /**
   * Takes a directory's registry.
   * @returns whether `relays` changed
   */
  update(registry: Registry): boolean {
    const before = this.#relays;
    this.#age();
    this.#proved = new Set(registry.proved);
    const listed = new Set<string>();
    for (const record of registry.relays) {
      listed.add(record.id);
      const known = this.#known.get(record.id);
      if (known?.record === record && known.absentMs === undefined) continue;
      const stale =
        known !== undefined &&
        !supersedes(incarnationOf(known.record), incarnationOf(record), this.#clock.now());
      const newest = stale ? known.record : record;
      this.#known.set(record.id, { record: newest, absentMs: undefined, waits: false });
    }
    for (const [id, known] of this.#known) if (!listed.has(id)) known.absentMs ??= 0;
    this.#forget(this.#settle());
    this.#renew();
    return !isSame(before, this.#relays);
  }

  /**
   * Notes a response of a directory without a new registry.
   * @returns whether `relays` changed
   */
  contact(): boolean {
    // Only relays that have vanished change without a registry.
    if (!this.#hasAbsent) {
      this.#contactAtMs = this.#clock.monotonic();
      return false;
    }
    const before = this.#relays;
    this.#age();
    this.#forget(this.#settle());
    this.#renew();
    return !isSame(before, this.#relays);
  }

  /** Returns the relays in use, by id; no two have an address in common. */
  relays(): readonly RelayRecord[] {
    return this.#relays;
  }

  #renew(): void {
    this.#relays = [...this.#known.values()]
      .filter(({ waits }) => !waits)
      .map(({ record }) => record)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#hasAbsent = [...this.#known.values()].some(({ absentMs }) => absentMs !== undefined);
  }

  /**
   * Decides between vanished relays and listed ones with the same addresses.
   * @returns the ids of vanished relays that stay in place of listed ones
   */
  #settle(): ReadonlySet<string> {
    const held = new Set<string>();
    const listed: Member[] = [];
    const absent: RelayRecord[] = [];
    for (const known of this.#known.values()) {
      known.waits = false;
      if (known.absentMs === undefined) listed.push(known);
      else absent.push(known.record);
    }
    if (absent.length === 0) return held;
    const byClaim = new Map<string, Member>();
    for (const known of listed) {
      for (const claim of claimedAddresses(known.record)) byClaim.set(claim, known);
    }
    for (const record of absent) {
      const contested = addressClaimsOf(record).filter(({ key }) => byClaim.has(key));
      if (contested.length === 0) continue;
      const rivals = new Set(contested.flatMap(({ key }) => byClaim.get(key) ?? []));
      const isProved = [...rivals].some((rival) => this.#proved.has(rival.record.id));
      if (!isProved && contested.every((claim) => this.#holds(record.id, claim))) {
        held.add(record.id);
        for (const rival of rivals) rival.waits = true;
      } else this.#known.delete(record.id);
    }
    return held;
  }

  /**
   * Returns whether a relay answers at a claimed address, or, if that is not probed, at a trunk
   * address of its IP.
   */
  #holds(id: string, { kind, address }: AddressClaim): boolean {
    return this.#answersAt(id, kind === 'trunk' ? address : { address: address.address });
  }

  /**
   * Adds the time since the last contact to the absences, at most the expiry time of a relay: a
   * longer time was not contact.
   */
  #age(): void {
    const now = this.#clock.monotonic();
    const passedMs = Math.min(now - this.#contactAtMs, REGISTRATION_LIMITS.relayExpiryMs);
    this.#contactAtMs = now;
    for (const known of this.#known.values()) {
      if (known.absentMs !== undefined) known.absentMs += passedMs;
    }
  }

  #forget(held: ReadonlySet<string>): void {
    const absent = [...this.#known.values()]
      .filter(({ absentMs }) => absentMs !== undefined)
      .sort((a, b) => (b.absentMs ?? 0) - (a.absentMs ?? 0));
    for (const { record, absentMs = 0 } of absent) {
      const isFull = this.#known.size > REGISTRATION_LIMITS.relaysMax;
      if (absentMs < this.#graceMs && !isFull) return;
      if (isFull || !held.has(record.id)) this.#known.delete(record.id);
    }
  }
}

/** Returns whether two lists hold the same records, as objects or by their contents. */
function isSame(a: readonly RelayRecord[], b: readonly RelayRecord[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((record, index) => {
    const other = b[index];
    return record === other || JSON.stringify(record) === JSON.stringify(other);
  });
}
