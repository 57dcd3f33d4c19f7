import { parseAddress } from '../../address.js';
import type { Clock } from '../../clock.js';
import { addressClaimsOf, claimedAddresses } from '../../registry/record.js';
import { REGISTRATION_LIMITS } from '../../registry/registration-limits.js';
import type { RelayRecord } from '../../registry/types.js';

/** Another relay's claim to an address that a record claims. */
export interface Rival {
  /** The claim's key, as `claimedAddresses` returns it. */
  readonly claim: string;
  readonly by: RelayRecord;
  /** Time since the relay expired, ms; undefined for a live relay. */
  readonly silentMs: number | undefined;
}

interface Lapsed {
  readonly record: RelayRecord;
  readonly atMs: number;
}

/**
 * Maps claimed addresses to relays. A relay that deregisters releases its addresses. A relay that
 * expires keeps its claims: another relay must prove that it is at such an address.
 *
 * Bound: claims of `REGISTRATION_LIMITS.relaysRememberedMax` expired relays; the longest expired
 * is forgotten.
 */
export class ClaimTable {
  readonly #clock: Clock;
  readonly #live = new Map<string, RelayRecord>();
  readonly #lapsed = new Map<string, Lapsed>();
  /** Holder's id by claim, of live and of expired relays. A claim has one holder. */
  readonly #holders = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of expired relays whose claims are remembered. */
  get lapsed(): number {
    return this.#lapsed.size;
  }

  /** Returns whether a relay has expired and still has claims. */
  isLapsed(id: string): boolean {
    return this.#lapsed.has(id);
  }

  /** Returns the claims of other relays to a record's addresses. */
  rivals(record: RelayRecord): Rival[] {
    const rivals: Rival[] = [];
    for (const claim of claimedAddresses(record)) {
      const holder = this.#holders.get(claim);
      if (holder === undefined || holder === record.id) continue;
      const live = this.#live.get(holder);
      const lapsed = this.#lapsed.get(holder);
      if (live !== undefined) rivals.push({ claim, by: live, silentMs: undefined });
      else if (lapsed !== undefined && !isReusedPort(claim, lapsed.record, record)) {
        const silentMs = this.#clock.monotonic() - lapsed.atMs;
        rivals.push({ claim, by: lapsed.record, silentMs });
      }
    }
    return rivals;
  }

  /** Assigns a record's addresses to its live relay, whichever relay held them. */
  take(record: RelayRecord): void {
    this.release(record.id);
    this.#live.set(record.id, record);
    for (const claim of claimedAddresses(record)) this.#holders.set(claim, record.id);
  }

  /** Releases the addresses of a relay. */
  release(id: string): void {
    const record = this.#live.get(id) ?? this.#lapsed.get(id)?.record;
    if (record === undefined) return;
    this.#live.delete(id);
    this.#lapsed.delete(id);
    for (const claim of claimedAddresses(record)) {
      if (this.#holders.get(claim) === id) this.#holders.delete(claim);
    }
  }

  /** Marks a relay as expired; its claims stay. */
  lapse(id: string): void {
    const record = this.#live.get(id);
    if (record === undefined) return;
    this.#live.delete(id);
    this.#lapsed.set(id, { record, atMs: this.#clock.monotonic() });
    for (const oldest of this.#lapsed.keys()) {
      if (this.#lapsed.size <= REGISTRATION_LIMITS.relaysRememberedMax) return;
      this.release(oldest);
    }
  }
}

/** Returns whether a record lists the claimed address or only sends from it. */
export function claimKind(record: RelayRecord, claim: string): 'address' | 'source' {
  const kind = addressClaimsOf(record).find(({ key }) => key === claim)?.kind;
  return kind === 'source' ? 'source' : 'address';
}

/** Returns the trunk addresses of a record on the host of a claim. */
export function trunkAddressesAt(record: RelayRecord, claim: string) {
  const host = parseAddress(addressOf(claim)).address;
  return record.trunkAddresses.filter(({ address }) => address === host);
}

/** Returns the address of a claim, as text. */
export function addressOf(claim: string): string {
  return claim.slice(claim.indexOf(' ') + 1);
}

/**
 * Returns whether both relays only send from the port and share the host: the kernel has then
 * reassigned an ephemeral port, and there is no contest.
 */
function isReusedPort(claim: string, gone: RelayRecord, record: RelayRecord): boolean {
  return (
    claimKind(gone, claim) === 'source' &&
    claimKind(record, claim) === 'source' &&
    trunkAddressesAt(gone, claim).length > 0 &&
    trunkAddressesAt(record, claim).length > 0
  );
}
