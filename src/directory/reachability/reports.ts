import {
  NO_COMMON_FAMILY,
  NOTHING_ANSWERS,
  type ReachabilityReport,
  UNKNOWN_REASON,
} from '../../registry/types.js';
import { NO_DOUBTS } from './doubts.js';
import { DampedConditions } from './flap-damping.js';

/** What a reporter said of another relay or of an address, and since when. */
export interface Statement {
  readonly reporter: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Whether what a relay says counts against what it names, and not rather against itself. */
export function accuses({ reason }: Statement): boolean {
  return reason !== NOTHING_ANSWERS;
}

interface Reporter {
  readonly id: string;
  /** What the newest report lists, by relay. */
  trunk: Map<string, Statement>;
  /** How many of these are accusations. */
  accusing: number;
  /** By relay: what is listed, and for a while what was. */
  readonly trunkConditions: DampedConditions<undefined>;
  /** The reason and the time by id and address, of the newest report. */
  service: Map<string, { readonly reason: string; readonly sinceMs: number }>;
}

/** What a report is read by. */
export interface ReportJudge {
  readonly nowMs: number;
  /** Whether the reporter knows the relay of that id, as it is now. */
  readonly isKnown: (id: string) => boolean;
  /** Whether the reporter is to check an address. */
  readonly isAppointed: (key: string) => boolean;
}

/**
 * What relays reported last. Memory is bounded by the relays: a reporter names each relay once,
 * and an address only where it was appointed to check it. What the directory asks again and again
 * is counted as reports come: a cluster that is split in half says half a million things at once.
 */
export class Reports {
  readonly #reporters = new Map<string, Reporter>();
  /** What the newest reports say about each relay's trunk, by reporter. */
  readonly #about = new Map<string, Map<string, Statement>>();
  #pairsApart = 0;
  /** Reporters for which `unreachedOf` has changed. */
  #changed = new Set<string>();

  /** Takes a relay's newest report, in place of the one before. */
  take(id: string, report: ReachabilityReport, judge: ReportJudge): void {
    const reporter = this.#reporter(id);
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
      // The registrations say as much, and selection looks there.
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
    { id, trunkConditions }: Reporter,
    other: string,
    said: {
      readonly reason: string;
      readonly before: Statement | undefined;
      readonly nowMs: number;
    },
  ): Statement {
    const { before, nowMs } = said;
    if (before !== undefined && said.reason === before.reason) return before;
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
    if (!this.apart(other, reporter)) this.#pairsApart += 1;
  }

  #ended(reporter: string, other: string): void {
    this.#changed.add(reporter);
    if (!this.apart(other, reporter)) this.#pairsApart -= 1;
  }

  /** Forgets what a relay said: it is gone, or is one that says nothing. */
  forget(id: string): void {
    const reporter = this.#reporters.get(id);
    if (reporter === undefined) return;
    this.#reporters.delete(id);
    for (const other of reporter.trunk.keys()) this.#unsay(id, other);
    for (const [other] of reporter.trunkConditions.all()) this.#ended(id, other);
  }

  /** Forgets what others said about a relay: it has started anew. */
  forgetAbout(id: string, nowMs: number): void {
    this.withdraw(id, nowMs);
    for (const { id: reporter, trunkConditions, service } of this.#reporters.values()) {
      if (trunkConditions.end(id, nowMs)) this.#ended(reporter, id);
      for (const key of service.keys()) if (key.startsWith(`${id} `)) service.delete(key);
    }
  }

  /** What the newest reports say about a relay that is gone counts no longer. */
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

  /** Whether a relay says what it cannot reach. */
  reports(id: string): boolean {
    return this.#reporters.has(id);
  }

  /** Whether a relay says, or said just now, that it does not reach another. */
  apart(reporter: string, other: string): boolean {
    return this.#reporters.get(reporter)?.trunkConditions.get(other) !== undefined;
  }

  /** The relays that a relay says, or said just now, that it does not reach. */
  unreachedOf(reporter: string): ReadonlySet<string> {
    const conditions = this.#reporters.get(reporter)?.trunkConditions;
    if (conditions === undefined || conditions.empty) return NO_DOUBTS.unreached;
    const unreached = new Set<string>();
    for (const [other] of conditions.all()) unreached.add(other);
    return unreached.size === 0 ? NO_DOUBTS.unreached : unreached;
  }

  /** @returns the reporters whose `unreachedOf` has changed since the last call */
  takeChanged(): Iterable<string> {
    const changed = this.#changed;
    if (changed.size > 0) this.#changed = new Set();
    return changed;
  }

  /** How many relays' trunks a relay accuses now. */
  accusing(reporter: string): number {
    return this.#reporters.get(reporter)?.accusing ?? 0;
  }

  /** What is said now about the trunks of relays, by relay and reporter. */
  get aboutTrunks(): ReadonlyMap<string, ReadonlyMap<string, Statement>> {
    return this.#about;
  }

  /** What a relay says now about a service address; undefined where it has nothing against it. */
  ofService(reporter: string, key: string): Statement | undefined {
    const said = this.#reporters.get(reporter)?.service.get(key);
    return said === undefined ? undefined : { reporter, ...said };
  }

  /** Pairs of relays of which one says, or said just now, that it does not reach the other. */
  countPairs(): number {
    return this.#pairsApart;
  }

  /** Ends what was not reported again. */
  sweep(nowMs: number): void {
    for (const { id, trunkConditions } of this.#reporters.values()) {
      for (const [other] of trunkConditions.sweep(nowMs)) this.#ended(id, other);
    }
  }

  #reporter(id: string): Reporter {
    const present = this.#reporters.get(id);
    if (present !== undefined) return present;
    const reporter: Reporter = {
      id,
      trunk: new Map(),
      accusing: 0,
      trunkConditions: new DampedConditions(),
      service: new Map(),
    };
    this.#reporters.set(id, reporter);
    return reporter;
  }
}

/** A reason as it may be shown and logged. */
function worded(reason: string): string {
  return /^[a-z0-9][a-z0-9-]{0,31}$/.test(reason) ? reason : UNKNOWN_REASON;
}

/** A map key for a relay's service address. */
export function serviceKey(id: string, address: string): string {
  return `${id} ${address}`;
}
