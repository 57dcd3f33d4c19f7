import {
  NO_COMMON_FAMILY,
  NOTHING_ANSWERS,
  type ReachabilityReport,
  UNKNOWN_REASON,
} from '../../registry/types.js';
import { WATCH_ALL } from '../../registry/watched-relays.js';
import { NO_DOUBTS } from '../../selection/doubts.js';
import { DampedConditions } from './flap-damping.js';

/** One reporter's statement about another relay's trunk or a service address. */
export interface Statement {
  readonly reporter: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/**
 * Returns whether a statement accuses the relay it names. `NOTHING_ANSWERS` points to the
 * reporter's own network.
 */
export function accuses({ reason }: Statement): boolean {
  return reason !== NOTHING_ANSWERS;
}

interface Reporter {
  readonly id: string;
  /** The share of other relays that it watches. */
  watchShare: number;
  /** Statements of the newest report, by relay. */
  trunk: Map<string, Statement>;
  /** Number of these that are accusations. */
  accusing: number;
  /** By relay: the listed ones, and for a hold time those that were listed. */
  readonly trunkConditions: DampedConditions<undefined>;
  /** Reason and time of the newest report's statements, by `serviceKey`. */
  service: Map<string, { readonly reason: string; readonly sinceMs: number }>;
}

/** Context in which a report is read. */
export interface ReportJudge {
  readonly nowMs: number;
  /** Returns whether the reporter knows the present process of a relay. */
  readonly isKnown: (id: string) => boolean;
  /** Returns whether the reporter is appointed to check an address. */
  readonly isAppointed: (key: string) => boolean;
}

/**
 * The newest report of each relay. Memory is bounded by the number of relays: a reporter has one
 * statement about each relay, and one about each address that it is appointed to check. Sums that
 * the directory reads often are kept up to date, because a cluster split in half makes half a
 * million statements.
 */
export class Reports {
  readonly #reporters = new Map<string, Reporter>();
  /** Statements of the newest reports about each relay's trunk, by reporter. */
  readonly #about = new Map<string, Map<string, Statement>>();
  /** Ids of the reporters that report a relay as unreached, or did within the hold time. */
  readonly #apartFrom = new Map<string, Set<string>>();
  /** Reporters with trunk conditions that hold or are remembered. */
  readonly #conditioned = new Set<Reporter>();
  /** Reporters with statements about service addresses. */
  readonly #complaining = new Set<Reporter>();
  #pairsApart = 0;
  /** Ids of the reporters whose `unreachedOf` has changed. */
  #changed = new Set<string>();

  /** Replaces a relay's report by a newer one. */
  take(id: string, report: ReachabilityReport, judge: ReportJudge): void {
    const reporter = this.#reporter(id);
    reporter.watchShare = report.watchShare ?? WATCH_ALL;
    this.#takeTrunk(reporter, report.trunk, judge);
    const { nowMs, isKnown, isAppointed } = judge;
    const before = reporter.service;
    reporter.service = new Map();
    for (const { id: other, address, reason } of report.service) {
      const key = serviceKey(other, address);
      if (!isKnown(other) || !isAppointed(key)) continue;
      const { sinceMs = nowMs } = before.get(key) ?? {};
      reporter.service.set(key, { reason: worded(reason), sinceMs });
    }
    if (reporter.service.size > 0) this.#complaining.add(reporter);
    else this.#complaining.delete(reporter);
  }

  #takeTrunk(
    reporter: Reporter,
    listed: ReachabilityReport['trunk'],
    { nowMs, isKnown }: ReportJudge,
  ): void {
    const before = reporter.trunk;
    reporter.trunk = new Map();
    reporter.accusing = 0;
    for (const { id: other, reason } of listed) {
      // The registrations show a missing common family, and selection reads them.
      if (other === reporter.id || !isKnown(other) || reason === NO_COMMON_FAMILY) continue;
      const statement = this.#stated(reporter, other, { reason, before: before.get(other), nowMs });
      reporter.trunk.set(other, statement);
    }
    for (const statement of reporter.trunk.values()) if (accuses(statement)) reporter.accusing += 1;
    for (const other of before.keys()) {
      if (reporter.trunk.has(other)) continue;
      reporter.trunkConditions.release(other, nowMs);
      this.#unsay(reporter.id, other);
    }
  }

  #stated(
    reporter: Reporter,
    other: string,
    said: {
      readonly reason: string;
      readonly before: Statement | undefined;
      readonly nowMs: number;
    },
  ): Statement {
    const { before, nowMs } = said;
    if (before !== undefined && said.reason === before.reason) return before;
    const { id, trunkConditions } = reporter;
    this.#conditioned.add(reporter);
    if (trunkConditions.hold(other, undefined, nowMs)) this.#began(id, other);
    const sinceMs = trunkConditions.get(other)?.sinceMs ?? nowMs;
    const statement = { reporter: id, reason: worded(said.reason), sinceMs };
    let about = this.#about.get(other);
    if (about === undefined) {
      about = new Map();
      this.#about.set(other, about);
    }
    about.set(id, statement);
    return statement;
  }

  #unsay(reporter: string, other: string): void {
    const about = this.#about.get(other);
    about?.delete(reporter);
    if (about?.size === 0) this.#about.delete(other);
  }

  #began(reporter: string, other: string): void {
    this.#changed.add(reporter);
    const from = this.#apartFrom.get(other);
    if (from === undefined) this.#apartFrom.set(other, new Set([reporter]));
    else from.add(reporter);
    if (!this.apart(other, reporter)) this.#pairsApart += 1;
  }

  #ended(reporter: string, other: string): void {
    this.#changed.add(reporter);
    const from = this.#apartFrom.get(other);
    from?.delete(reporter);
    if (from?.size === 0) this.#apartFrom.delete(other);
    if (!this.apart(other, reporter)) this.#pairsApart -= 1;
  }

  /** Forgets the report of a relay that is gone or does not report. */
  forget(id: string): void {
    const reporter = this.#reporters.get(id);
    if (reporter === undefined) return;
    this.#reporters.delete(id);
    this.#conditioned.delete(reporter);
    this.#complaining.delete(reporter);
    for (const other of reporter.trunk.keys()) this.#unsay(id, other);
    for (const [other] of reporter.trunkConditions.all()) this.#ended(id, other);
  }

  /** Forgets the statements about a relay that has restarted. */
  forgetAbout(id: string, nowMs: number): void {
    this.withdraw(id, nowMs);
    for (const reporter of [...(this.#apartFrom.get(id) ?? [])]) {
      const ended = this.#reporters.get(reporter)?.trunkConditions.end(id, nowMs) === true;
      if (ended) this.#ended(reporter, id);
    }
    for (const { service } of this.#complaining) {
      for (const key of service.keys()) if (key.startsWith(`${id} `)) service.delete(key);
    }
  }

  /** Withdraws the statements about a relay that is gone. */
  withdraw(id: string, nowMs: number): void {
    for (const [name, statement] of this.#about.get(id) ?? []) {
      const reporter = this.#reporters.get(name);
      if (reporter === undefined) continue;
      reporter.trunk.delete(id);
      reporter.trunkConditions.release(id, nowMs);
      if (accuses(statement)) reporter.accusing -= 1;
    }
    this.#about.delete(id);
  }

  /** Returns the share of other relays that a reporter watches, as `watchShareOf`. */
  watchShareOf(id: string): number {
    return this.#reporters.get(id)?.watchShare ?? WATCH_ALL;
  }

  /** Returns `watchShareOf` as a fraction. */
  watched(id: string): number {
    return this.watchShareOf(id) / WATCH_ALL;
  }

  /** Returns whether a relay reports reachability. */
  reports(id: string): boolean {
    return this.#reporters.has(id);
  }

  /**
   * Returns whether a relay reports, or reported within the hold time, that it does not reach
   * another.
   */
  apart(reporter: string, other: string): boolean {
    return this.#reporters.get(reporter)?.trunkConditions.get(other) !== undefined;
  }

  /**
   * Returns the ids of relays that a relay reports, or reported within the hold time, as unreached.
   */
  unreachedOf(reporter: string): ReadonlySet<string> {
    const conditions = this.#reporters.get(reporter)?.trunkConditions;
    if (conditions === undefined || conditions.empty) return NO_DOUBTS.unreached;
    const unreached = new Set<string>();
    for (const [other] of conditions.all()) unreached.add(other);
    return unreached.size === 0 ? NO_DOUBTS.unreached : unreached;
  }

  /** Returns the reporters whose `unreachedOf` has changed since the last call. */
  takeChanged(): Iterable<string> {
    const changed = this.#changed;
    if (changed.size > 0) this.#changed = new Set();
    return changed;
  }

  /** Returns the number of relays' trunks that a relay accuses now. */
  accusing(reporter: string): number {
    return this.#reporters.get(reporter)?.accusing ?? 0;
  }

  /** Present statements about relays' trunks, by relay and reporter. */
  get aboutTrunks(): ReadonlyMap<string, ReadonlyMap<string, Statement>> {
    return this.#about;
  }

  /** Iterates over the relays that accuse the trunk of another one. */
  *accusers(): Iterable<string> {
    for (const { id, accusing } of this.#conditioned) if (accusing > 0) yield id;
  }

  /** Returns the keys of the service addresses about which there are statements. */
  aboutServices(): ReadonlySet<string> {
    const keys = new Set<string>();
    for (const { service } of this.#complaining) for (const key of service.keys()) keys.add(key);
    return keys;
  }

  /** Returns a checker's statement about a service address; undefined if it has none. */
  ofService(reporter: string, key: string): Statement | undefined {
    const said = this.#reporters.get(reporter)?.service.get(key);
    return said === undefined ? undefined : { reporter, ...said };
  }

  /**
   * Returns the number of pairs of relays of which one reports, or reported within the hold time,
   * that it does not reach the other.
   */
  countPairs(): number {
    return this.#pairsApart;
  }

  /** Ends the conditions whose hold time is over. */
  sweep(nowMs: number): void {
    for (const reporter of this.#conditioned) {
      const { id, trunkConditions } = reporter;
      for (const [other] of trunkConditions.sweep(nowMs)) this.#ended(id, other);
      if (trunkConditions.empty) this.#conditioned.delete(reporter);
    }
  }

  #reporter(id: string): Reporter {
    const present = this.#reporters.get(id);
    if (present !== undefined) return present;
    const reporter: Reporter = {
      id,
      watchShare: WATCH_ALL,
      trunk: new Map(),
      accusing: 0,
      trunkConditions: new DampedConditions(),
      service: new Map(),
    };
    this.#reporters.set(id, reporter);
    return reporter;
  }
}

/** Returns a reason that is safe to show and log: a short word, else `UNKNOWN_REASON`. */
function worded(reason: string): string {
  return /^[a-z0-9][a-z0-9-]{0,31}$/.test(reason) ? reason : UNKNOWN_REASON;
}

/** Returns the map key of a relay's service address. */
export function serviceKey(id: string, address: string): string {
  return `${id} ${address}`;
}

/** Returns the relay and the address of a `serviceKey`. */
export function subjectOf(key: string): { readonly id: string; readonly address: string } {
  const end = key.indexOf(' ');
  return { id: key.slice(0, end), address: key.slice(end + 1) };
}
