import { parseAddress } from '../../address.js';
import type { Clock } from '../../clock.js';
import { LIMITS } from '../../limits.js';
import { claimedAddresses, claimsOf } from '../../registry/record.js';
import type { RelayRecord } from '../../registry/types.js';

/** Relays that fell silent whose claims are remembered; only holders of a secret can add one. */
const LAPSED_MAX = 4 * LIMITS.relaysMax;

/** Somebody else's claim to an address that a record claims. */
export interface Rival {
  /** As `claimedAddresses` has it. */
  readonly claim: string;
  readonly by: RelayRecord;
  /** For how long its relay has been silent, in milliseconds; undefined for a live one. */
  readonly silentMs: number | undefined;
}

interface Lapsed {
  readonly record: RelayRecord;
  readonly atMs: number;
}

/**
 * Which relay has which address. A relay that says goodbye gives its addresses up; one that only
 * fell silent keeps its claims, and who wants such an address has to prove that it is there.
 *
 * Bound: claims of `LAPSED_MAX` silent relays; beyond it those longest silent are forgotten.
 */
export class ClaimTable {
  readonly #clock: Clock;
  readonly #live = new Map<string, RelayRecord>();
  readonly #lapsed = new Map<string, Lapsed>();
  /** Live and lapsed: no claim has two holders. */
  readonly #holders = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Relays that fell silent whose claims are remembered. */
  get lapsed(): number {
    return this.#lapsed.size;
  }

  /** Whether a relay fell silent that has claims. */
  isLapsed(id: string): boolean {
    return this.#lapsed.has(id);
  }

  /** What others claim of a record's addresses. */
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

  /** A live relay has these addresses from now on, whoever had them. */
  take(record: RelayRecord): void {
    this.release(record.id);
    this.#live.set(record.id, record);
    for (const claim of claimedAddresses(record)) this.#holders.set(claim, record.id);
  }

  /** A relay gives its addresses up. */
  release(id: string): void {
    const record = this.#live.get(id) ?? this.#lapsed.get(id)?.record;
    if (record === undefined) return;
    this.#live.delete(id);
    this.#lapsed.delete(id);
    for (const claim of claimedAddresses(record)) {
      if (this.#holders.get(claim) === id) this.#holders.delete(claim);
    }
  }

  /** A relay fell silent. */
  lapse(id: string): void {
    const record = this.#live.get(id);
    if (record === undefined) return;
    this.#live.delete(id);
    this.#lapsed.set(id, { record, atMs: this.#clock.monotonic() });
    for (const oldest of this.#lapsed.keys()) {
      if (this.#lapsed.size <= LAPSED_MAX) return;
      this.release(oldest);
    }
  }
}

/** How a record names an address: as one where it is reached, or only as one it sends from. */
export function claimKind(record: RelayRecord, claim: string): 'address' | 'source' {
  const kind = claimsOf(record).find(({ key }) => key === claim)?.kind;
  return kind === 'source' ? 'source' : 'address';
}

/** The trunk addresses of a record on the host of a claim. */
export function trunkAddressesAt(record: RelayRecord, claim: string) {
  const host = parseAddress(addressOf(claim)).address;
  return record.trunkAddresses.filter(({ address }) => address === host);
}

/** The text of a claim's address. */
export function addressOf(claim: string): string {
  return claim.slice(claim.indexOf(' ') + 1);
}

/** The system gave a port of a relay that is gone to another relay of the same host. */
function isReusedPort(claim: string, gone: RelayRecord, record: RelayRecord): boolean {
  return (
    claimKind(gone, claim) === 'source' &&
    claimKind(record, claim) === 'source' &&
    trunkAddressesAt(gone, claim).length > 0 &&
    trunkAddressesAt(record, claim).length > 0
  );
}
