import {
  type AddressFamily,
  familyOf,
  formatAddress,
  type TransportAddress,
} from '../../address.js';
import { CHECK_LIMITS } from '../../registry/check-limits.js';
import { hasTrunk } from '../../registry/record.js';
import type { RelayRecord, ServiceCheck } from '../../registry/types.js';
import { beatMsOf } from '../beat-pace.js';
import type { LiveRelay } from '../snapshot.js';
import { serviceKey } from './reports.js';

/** Checkers of one service address. */
export const SERVICE_CHECKERS_MAX = 3;
/** Time in which each service address gets one new checker. */
export const SERVICE_CHECK_ROTATION_MS = 60_000;

/**
 * Returns the time that an appointed checker has until its first result counts, ms: it learns of
 * the appointment with its next beat, and reports what does not answer at once.
 * @param relays - number of live relays
 */
export function firstResultMsOf(relays: number): number {
  const { serviceCheckFailures, serviceCheckIntervalMs } = CHECK_LIMITS;
  return (serviceCheckFailures + 1) * serviceCheckIntervalMs + beatMsOf(relays);
}

interface Target extends ServiceCheck {
  readonly key: string;
  readonly family: AddressFamily;
  readonly region: string;
  /** Appointment time by checker, monotonic ms; the longest appointed first. */
  readonly checkers: Map<string, number>;
}

/** The live relays. */
interface Among {
  readonly relays: readonly LiveRelay[];
  readonly byId: ReadonlyMap<string, LiveRelay>;
}

/** Maximum vacancies filled in one turn, and checkers replaced. */
const FILLED_MAX = 256;
/** Relays that are looked at for one vacancy: all of a small cluster, else so many at random. */
const LOOKED_AT_MAX = 256;
const LOOKED_AT_OF_MANY = 48;

/** Dependencies of `Appointments`. */
export interface AppointmentsOptions {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Returns whether a relay reports reachability, so that it can be a checker. */
  readonly reports: (id: string) => boolean;
}

/**
 * Appoints relays to check other relays' service addresses: `SERVICE_CHECKERS_MAX` for each
 * address, from different regions if possible. One checker of each address is replaced every
 * `SERVICE_CHECK_ROTATION_MS`.
 *
 * Bounds: a relay checks at most `CHECK_LIMITS.serviceChecksMax` addresses. If that is not enough
 * for all, some addresses have fewer checkers, in turn. A turn fills at most `FILLED_MAX`
 * vacancies, and looks at a sample of the relays for each if they are many.
 */
export class Appointments {
  readonly #options: AppointmentsOptions;
  readonly #targets = new Map<string, Target>();
  readonly #byChecker = new Map<string, Map<string, ServiceCheck>>();
  /** Targets with too few checkers. */
  readonly #vacant = new Set<Target>();
  /** The record that each relay had at the last turn. */
  readonly #records = new Map<string, RelayRecord>();
  /** Replacements that are due, with the fraction carried to the next turn. */
  #due = 0;
  #turnedAtMs: number | undefined;

  constructor(options: AppointmentsOptions) {
    this.#options = options;
  }

  /** Returns the service addresses that a relay checks. */
  checksOf(checker: string): ServiceCheck[] {
    return [...(this.#byChecker.get(checker)?.values() ?? [])];
  }

  /**
   * Returns the appointment time (monotonic ms) of each checker of an address.
   * @param key - as `serviceKey`
   */
  checkersOf(key: string): ReadonlyMap<string, number> {
    return this.#targets.get(key)?.checkers ?? NOBODY;
  }

  /** Returns whether a relay is appointed to check an address. */
  isAppointed(checker: string, key: string): boolean {
    return this.#byChecker.get(checker)?.has(key) === true;
  }

  /** Adapts the appointments to the live relays. To be called a few times a second. */
  turn(relays: readonly LiveRelay[], nowMs: number): void {
    this.turnWith(relays, new Map(relays.map((relay) => [relay.record.id, relay])), nowMs);
  }

  /** As `turn`. @param byId - the same relays by id */
  turnWith(
    relays: readonly LiveRelay[],
    byId: ReadonlyMap<string, LiveRelay>,
    nowMs: number,
  ): void {
    this.#retarget(relays, byId);
    this.#dismissUnable(byId);
    const among: Among = { relays, byId };
    this.#fill(among, nowMs);
    this.#rotate(among, nowMs);
  }

  #fill(among: Among, nowMs: number): void {
    let left = FILLED_MAX;
    for (const target of [...this.#vacant]) {
      if (left === 0) return;
      // Addresses that no relay can check must not use up every turn.
      this.#vacant.delete(target);
      this.#vacant.add(target);
      while (left > 0 && target.checkers.size < SERVICE_CHECKERS_MAX) {
        left -= 1;
        const found = this.#find(target, among);
        if (found === undefined) break;
        this.#appoint(target, found, nowMs);
      }
    }
  }

  /** Takes the records that have changed since the last turn. */
  #retarget(relays: readonly LiveRelay[], byId: ReadonlyMap<string, LiveRelay>): void {
    for (const { record } of relays) {
      const known = this.#records.get(record.id);
      if (known === record) continue;
      this.#records.set(record.id, record);
      const keys = new Set(record.serviceAddresses.map((address) => this.#target(record, address)));
      if (known !== undefined) this.#untarget(known, keys);
      // Its trunk may have other address families.
      this.#dismissAll(record.id, byId.get(record.id));
    }
    if (this.#records.size === byId.size) return;
    for (const [id, record] of this.#records) {
      if (byId.has(id)) continue;
      this.#records.delete(id);
      this.#untarget(record, NO_KEYS);
    }
  }

  /** Adds a target if it is new. @returns its key */
  #target({ id, region }: RelayRecord, each: TransportAddress): string {
    const address = formatAddress(each);
    const key = serviceKey(id, address);
    if (!this.#targets.has(key)) {
      const target = { key, id, address, family: familyOf(each), region, checkers: new Map() };
      this.#targets.set(key, target);
      this.#vacant.add(target);
    }
    return key;
  }

  /** Removes the targets of a former record, but those that are kept. */
  #untarget({ id, serviceAddresses }: RelayRecord, kept: ReadonlySet<string>): void {
    for (const address of serviceAddresses) {
      const key = serviceKey(id, formatAddress(address));
      const target = this.#targets.get(key);
      if (target === undefined || kept.has(key)) continue;
      for (const checker of target.checkers.keys()) this.#dismiss(target, checker);
      this.#targets.delete(key);
      this.#vacant.delete(target);
    }
  }

  #dismissUnable(byId: ReadonlyMap<string, LiveRelay>): void {
    for (const id of this.#byChecker.keys()) {
      const relay = byId.get(id);
      if (relay === undefined || !this.#options.reports(id)) this.#dismissAll(id, undefined);
    }
  }

  /** Ends the appointments of a checker for which it is not able. */
  #dismissAll(checker: string, relay: LiveRelay | undefined): void {
    for (const key of this.#byChecker.get(checker)?.keys() ?? []) {
      const target = this.#targets.get(key);
      if (target !== undefined && !this.#isAble(relay, target)) this.#dismiss(target, checker);
    }
    if (relay === undefined) this.#byChecker.delete(checker);
  }

  #isAble(relay: LiveRelay | undefined, { id, family }: Target): boolean {
    return (
      relay !== undefined &&
      relay.record.id !== id &&
      hasTrunk(relay, family) &&
      this.#options.reports(relay.record.id)
    );
  }

  /**
   * Finds the best checker of those that are looked at: of a region without one first, then of
   * another region than the target's, then the one with fewest checks.
   * @param besides - a relay that is not chosen
   */
  #find(target: Target, { relays, byId }: Among, besides?: string): string | undefined {
    const regions = new Set<string>();
    for (const id of target.checkers.keys()) regions.add(byId.get(id)?.record.region ?? '');
    let best: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const relay of this.#lookedAt(relays)) {
      const { id, region } = relay.record;
      const checks = this.#byChecker.get(id)?.size ?? 0;
      if (checks >= CHECK_LIMITS.serviceChecksMax || target.checkers.has(id)) continue;
      const same = regions.has(region) ? 2 : region === target.region ? 1 : 0;
      const cost = same * CHECK_LIMITS.serviceChecksMax + checks + this.#options.random();
      if (cost >= least || id === besides || !this.#isAble(relay, target)) continue;
      best = id;
      least = cost;
    }
    return best;
  }

  *#lookedAt(relays: readonly LiveRelay[]): Iterable<LiveRelay> {
    if (relays.length <= LOOKED_AT_MAX) return yield* relays;
    for (let look = 0; look < LOOKED_AT_OF_MANY; look += 1) {
      yield relays[Math.floor(this.#options.random() * relays.length)] as LiveRelay;
    }
  }

  /** Replaces as many checkers as the elapsed time requires, in turn over all addresses. */
  #rotate(among: Among, nowMs: number): void {
    const passedMs = nowMs - (this.#turnedAtMs ?? nowMs);
    this.#turnedAtMs = nowMs;
    const share = Math.min(passedMs / SERVICE_CHECK_ROTATION_MS, 1);
    this.#due = Math.min(this.#due + share * this.#targets.size, FILLED_MAX);
    let left = Math.min(Math.floor(this.#due), this.#targets.size);
    this.#due -= left;
    for (const target of this.#targets.values()) {
      if (left === 0) return;
      left -= 1;
      // To the end: it is visited again after all others.
      this.#targets.delete(target.key);
      this.#targets.set(target.key, target);
      this.#replaceOne(target, among, nowMs);
    }
  }

  #replaceOne(target: Target, among: Among, nowMs: number): void {
    const [oldest] = target.checkers.keys();
    if (oldest === undefined) return;
    const since = target.checkers.get(oldest) ?? nowMs;
    target.checkers.delete(oldest);
    const found = this.#find(target, among, oldest);
    if (found === undefined) {
      target.checkers.set(oldest, since);
      return;
    }
    this.#byChecker.get(oldest)?.delete(target.key);
    this.#appoint(target, found, nowMs);
  }

  #appoint(target: Target, checker: string, nowMs: number): void {
    target.checkers.set(checker, nowMs);
    const checks = this.#byChecker.get(checker) ?? new Map<string, ServiceCheck>();
    this.#byChecker.set(checker, checks);
    checks.set(target.key, { id: target.id, address: target.address });
    if (target.checkers.size >= SERVICE_CHECKERS_MAX) this.#vacant.delete(target);
  }

  #dismiss(target: Target, checker: string): void {
    target.checkers.delete(checker);
    this.#byChecker.get(checker)?.delete(target.key);
    this.#vacant.add(target);
  }
}

const NO_KEYS: ReadonlySet<string> = new Set();
const NOBODY: ReadonlyMap<string, number> = new Map();
