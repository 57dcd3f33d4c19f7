import { LIMITS } from '../limits.js';
import { claimedAddresses } from '../registry/record.js';
import { supersedes } from '../registry/starts.js';
import type { Registry, RelayRecord } from '../registry/types.js';
import type { Clock } from '../units.js';

interface Known {
  readonly record: RelayRecord;
  /** Time of contact with a directory since the relay vanished; undefined while it is listed. */
  absentMs: number | undefined;
}

/** What it is made from. */
export interface KnownRelaysOptions {
  readonly clock: Clock;
  /** Default LIMITS.knownRelayGraceMs. */
  readonly graceMs?: number;
}

/**
 * The relays that this relay works with: those of the last registry, and for a grace period those
 * that vanished from it. A directory that has just restarted lists only the relays that have come
 * back so far, and connections with the others must not suffer for it. The grace is counted in
 * time of contact: while no directory answers, nothing is forgotten.
 *
 * Bound: `relaysMax` relays; beyond it the longest absent are forgotten first.
 */
export class KnownRelays {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #known = new Map<string, Known>();
  #contactAtMs: number;

  constructor({ clock, graceMs = LIMITS.knownRelayGraceMs }: KnownRelaysOptions) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#contactAtMs = clock.monotonic();
  }

  /**
   * Takes a directory's registry.
   * @returns whether `relays` changed
   */
  update(registry: Registry): boolean {
    const before = this.#fingerprint();
    this.#age();
    const listed = new Set<string>();
    const claims = new Set<string>();
    for (const record of registry.relays) {
      listed.add(record.id);
      const known = this.#known.get(record.id);
      const stale =
        known !== undefined && !supersedes(known.record.start, record.start, this.#clock.now());
      this.#known.set(record.id, { record: stale ? known.record : record, absentMs: undefined });
      for (const claim of claimedAddresses(record)) claims.add(claim);
    }
    for (const [id, known] of this.#known) {
      if (listed.has(id)) continue;
      known.absentMs ??= 0;
      // Its address names another relay now.
      if (claimedAddresses(known.record).some((claim) => claims.has(claim))) this.#known.delete(id);
    }
    this.#forget();
    return this.#fingerprint() !== before;
  }

  /**
   * Notes that a directory answered and had nothing new.
   * @returns whether `relays` changed
   */
  contact(): boolean {
    const before = this.#known.size;
    this.#age();
    this.#forget();
    return this.#known.size !== before;
  }

  /** The relays known now, by id. */
  relays(): RelayRecord[] {
    return [...this.#known.values()]
      .map(({ record }) => record)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Adds the time since the last contact, unless it was too long to have been contact. */
  #age(): void {
    const now = this.#clock.monotonic();
    const passedMs = Math.min(now - this.#contactAtMs, LIMITS.relayExpiryMs);
    this.#contactAtMs = now;
    for (const known of this.#known.values()) {
      if (known.absentMs !== undefined) known.absentMs += passedMs;
    }
  }

  #forget(): void {
    const absent = [...this.#known.values()]
      .filter(({ absentMs }) => absentMs !== undefined)
      .sort((a, b) => (b.absentMs ?? 0) - (a.absentMs ?? 0));
    for (const { record, absentMs = 0 } of absent) {
      if (absentMs < this.#graceMs && this.#known.size <= LIMITS.relaysMax) return;
      this.#known.delete(record.id);
    }
  }

  #fingerprint(): string {
    return JSON.stringify(this.relays());
  }
}
