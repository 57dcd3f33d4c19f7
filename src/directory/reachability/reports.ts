import { NO_COMMON_FAMILY, type ReachabilityReport, UNKNOWN_REASON } from '../../registry/types.js';
import { DampedFacts } from './damped-facts.js';

/** What a reporter said of another relay or of an address, and since when. */
export interface Statement {
  readonly reporter: string;
  readonly reason: string;
  readonly sinceMs: number;
}

interface Reporter {
  /** Relays that the newest report lists. */
  readonly trunk: Set<string>;
  /** The reason by relay; holds for a while after the last report. */
  readonly trunkFacts: DampedFacts<string>;
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
 * and an address only where it was appointed to check it.
 */
export class Reports {
  readonly #reporters = new Map<string, Reporter>();

  /** Takes a relay's newest report, in place of the one before. */
  take(id: string, report: ReachabilityReport, judge: ReportJudge): void {
    const { nowMs, isKnown, isAppointed } = judge;
    const reporter = this.#reporter(id);
    reporter.trunk.clear();
    for (const { id: other, reason } of report.trunk) {
      // The registrations say as much, and selection looks there.
      if (other === id || !isKnown(other) || reason === NO_COMMON_FAMILY) continue;
      reporter.trunk.add(other);
      reporter.trunkFacts.state(other, worded(reason), nowMs);
    }
    const before = reporter.service;
    reporter.service = new Map();
    for (const { id: other, address, reason } of report.service) {
      const key = serviceKey(other, address);
      if (!isKnown(other) || !isAppointed(key)) continue;
      const { sinceMs = nowMs } = before.get(key) ?? {};
      reporter.service.set(key, { reason: worded(reason), sinceMs });
    }
  }

  /** Forgets what a relay said: it is gone, or is one that says nothing. */
  forget(id: string): void {
    this.#reporters.delete(id);
  }

  /** Forgets what others said about a relay: it has started anew. */
  forgetAbout(id: string, nowMs: number): void {
    for (const { trunk, trunkFacts, service } of this.#reporters.values()) {
      trunk.delete(id);
      trunkFacts.end(id, nowMs);
      for (const key of service.keys()) if (key.startsWith(`${id} `)) service.delete(key);
    }
  }

  /** Whether a relay says what it cannot reach. */
  reports(id: string): boolean {
    return this.#reporters.has(id);
  }

  /** Whether a relay says, or said just now, that it does not reach another. */
  apart(reporter: string, other: string): boolean {
    return this.#reporters.get(reporter)?.trunkFacts.get(other) !== undefined;
  }

  /** What a relay says now about the trunks of others. */
  *ofTrunks(reporter: string): Iterable<readonly [other: string, statement: Statement]> {
    const said = this.#reporters.get(reporter);
    for (const other of said?.trunk ?? []) {
      const fact = said?.trunkFacts.get(other);
      if (fact === undefined) continue;
      yield [other, { reporter, reason: fact.detail, sinceMs: fact.sinceMs }];
    }
  }

  /** What a relay says now about a service address; undefined where it has nothing against it. */
  ofService(reporter: string, key: string): Statement | undefined {
    const said = this.#reporters.get(reporter)?.service.get(key);
    return said === undefined ? undefined : { reporter, ...said };
  }

  /** Pairs of relays of which one says, or said just now, that it does not reach the other. */
  countPairs(): number {
    let pairs = 0;
    for (const [id, { trunkFacts }] of this.#reporters) {
      for (const [other] of trunkFacts.all()) {
        if (id < other || !this.apart(other, id)) pairs += 1;
      }
    }
    return pairs;
  }

  /** Ends what was not reported again. */
  sweep(nowMs: number): void {
    for (const { trunk, trunkFacts } of this.#reporters.values()) trunkFacts.sweep(nowMs, trunk);
  }

  #reporter(id: string): Reporter {
    const present = this.#reporters.get(id);
    if (present !== undefined) return present;
    const reporter: Reporter = {
      trunk: new Set(),
      trunkFacts: new DampedFacts(),
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
