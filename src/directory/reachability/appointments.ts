import { type AddressFamily, familyOf, formatAddress } from '../../address.js';
import { CHECK_LIMITS } from '../../registry/check-limits.js';
import type { ServiceCheck } from '../../registry/types.js';
import { hasTrunk } from '../selection/score.js';
import type { LiveRelay } from '../snapshot.js';
import { serviceKey } from './reports.js';

/** Checkers of one service address. */
export const SERVICE_CHECKERS_MAX = 3;
/** Time in which each service address gets one new checker. */
export const SERVICE_CHECK_ROTATION_MS = 60_000;

interface Target extends ServiceCheck {
  readonly key: string;
  readonly family: AddressFamily;
  readonly region: string;
  /** Appointment time by checker, monotonic ms; the longest appointed first. */
  readonly checkers: Map<string, number>;
}

/** Maximum vacancies filled in one turn; each costs a pass over all relays. */
const FILLED_MAX = 64;

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
 * vacancies.
 */
export class Appointments {
  readonly #options: AppointmentsOptions;
  readonly #targets = new Map<string, Target>();
  readonly #byChecker = new Map<string, Map<string, ServiceCheck>>();
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
    const byId = new Map(relays.map((relay) => [relay.record.id, relay]));
    this.#retarget(relays);
    this.#dismissUnable(byId);
    this.#fill(relays, byId, nowMs);
    this.#rotate(relays, byId, nowMs);
  }

  #fill(relays: readonly LiveRelay[], byId: ReadonlyMap<string, LiveRelay>, nowMs: number): void {
    let left = FILLED_MAX;
    for (const target of [...this.#targets.values()]) {
      while (left > 0 && target.checkers.size < SERVICE_CHECKERS_MAX) {
        left -= 1;
        const found = this.#find(target, relays, byId);
        if (found === undefined) {
          // Addresses that no relay can check must not use up every turn.
          this.#toTheEnd(target);
          break;
        }
        this.#appoint(target, found, nowMs);
      }
      if (left === 0) return;
    }
  }

  #retarget(relays: readonly LiveRelay[]): void {
    const wanted = new Set<string>();
    for (const { record } of relays) {
      for (const each of record.serviceAddresses) {
        const address = formatAddress(each);
        const key = serviceKey(record.id, address);
        wanted.add(key);
        if (this.#targets.has(key)) continue;
        const { id, region } = record;
        const family = familyOf(each);
        this.#targets.set(key, { key, id, address, family, region, checkers: new Map() });
      }
    }
    for (const target of this.#targets.values()) {
      if (wanted.has(target.key)) continue;
      for (const checker of target.checkers.keys()) this.#dismiss(target, checker);
      this.#targets.delete(target.key);
    }
  }

  #dismissUnable(byId: ReadonlyMap<string, LiveRelay>): void {
    for (const target of this.#targets.values()) {
      for (const checker of target.checkers.keys()) {
        if (!this.#isAble(byId.get(checker), target)) this.#dismiss(target, checker);
      }
    }
    for (const id of this.#byChecker.keys()) if (!byId.has(id)) this.#byChecker.delete(id);
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
   * Finds the best checker: of a region without one first, then of another region than the
   * target's, then the one with fewest checks.
   */
  #find(
    target: Target,
    relays: readonly LiveRelay[],
    byId: ReadonlyMap<string, LiveRelay>,
  ): string | undefined {
    const regions = new Set<string>();
    for (const id of target.checkers.keys()) regions.add(byId.get(id)?.record.region ?? '');
    let best: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const relay of relays) {
      const { id, region } = relay.record;
      const checks = this.#byChecker.get(id)?.size ?? 0;
      if (checks >= CHECK_LIMITS.serviceChecksMax || target.checkers.has(id)) continue;
      const same = regions.has(region) ? 2 : region === target.region ? 1 : 0;
      const cost = same * CHECK_LIMITS.serviceChecksMax + checks + this.#options.random();
      if (cost >= least || !this.#isAble(relay, target)) continue;
      best = id;
      least = cost;
    }
    return best;
  }

  #toTheEnd(target: Target): void {
    this.#targets.delete(target.key);
    this.#targets.set(target.key, target);
  }

  /** Replaces as many checkers as the elapsed time requires, in turn over all addresses. */
  #rotate(relays: readonly LiveRelay[], byId: ReadonlyMap<string, LiveRelay>, nowMs: number): void {
    const passedMs = nowMs - (this.#turnedAtMs ?? nowMs);
    this.#turnedAtMs = nowMs;
    const share = Math.min(passedMs / SERVICE_CHECK_ROTATION_MS, 1);
    this.#due = Math.min(this.#due + share * this.#targets.size, FILLED_MAX);
    for (const target of [...this.#targets.values()].slice(0, Math.floor(this.#due))) {
      this.#due -= 1;
      this.#toTheEnd(target);
      this.#replaceOne(target, relays, byId, nowMs);
    }
  }

  #replaceOne(
    target: Target,
    relays: readonly LiveRelay[],
    byId: ReadonlyMap<string, LiveRelay>,
    nowMs: number,
  ): void {
    const [oldest] = target.checkers.keys();
    if (oldest === undefined) return;
    const since = target.checkers.get(oldest) ?? nowMs;
    target.checkers.delete(oldest);
    const found = this.#find(
      target,
      relays.filter(({ record }) => record.id !== oldest),
      byId,
    );
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
  }

  #dismiss(target: Target, checker: string): void {
    target.checkers.delete(checker);
    this.#byChecker.get(checker)?.delete(target.key);
  }
}

const NOBODY: ReadonlyMap<string, number> = new Map();
