import { formatAddress, type TransportAddress } from '../../address.js';
import type { Clock } from '../../clock.js';
import type { ReachabilityReport, RelayRecord, ServiceCheck } from '../../registry/types.js';
import { type Doubt, isCondemned, NO_DOUBTS, type RelayDoubts } from '../../selection/doubts.js';
import type { DoubtSource, LiveRelay } from '../snapshot.js';
import { Appointments, firstResultMsOf } from './appointments.js';
import { CredibleRelays } from './credible-relays.js';
import { type Evidence, EvidenceCounter } from './evidence.js';
import { type Condition, DampedConditions } from './flap-damping.js';
import { Reports, serviceKey, subjectOf } from './reports.js';
import { TrunkFamilyCounts } from './trunk-family-counts.js';

/** A doubt and its evidence. */
export interface Finding {
  readonly doubt: Doubt;
  /** Monotonic time at which the doubt began, ms; 0 without a doubt. */
  readonly sinceMs: number;
  readonly evidence: Evidence;
}

/** A doubt that began or ended. */
export interface DoubtChange {
  readonly kind: 'begins' | 'ends';
  readonly doubt: Exclude<Doubt, 'none'>;
  readonly evidence: Evidence;
  /** Duration of an ended doubt, ms; 0 for one that begins. */
  readonly lastedMs: number;
}

/** Begin or end of a relay's report that it reaches hardly any other relay. */
export interface CutOffChange {
  readonly kind: 'begins' | 'ends';
  readonly id: string;
  readonly unreached: number;
  readonly others: number;
}

/** The changes of one sweep, for the log. */
export interface ReachabilityChanges {
  readonly doubts: readonly DoubtChange[];
  readonly cutOff: readonly CutOffChange[];
  /** Whether verdicts are now against every relay; undefined if that did not change. */
  readonly allCondemned: boolean | undefined;
}

/** Dependencies of `Reachability`. */
export interface ReachabilityOptions {
  /** Only its monotonic time is read. */
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /**
   * Returns whether a relay has confirmed a registry with another's present record. Reports about a
   * former process count for nothing.
   */
  readonly knows: (relay: string, other: string) => boolean;
}

/** Interval of weighing the reports. */
const WEIGH_MS = 500;
/**
 * Derives verdicts about relays from the relays' own measurements (docs/registration.md,
 * Reachability). A relay reports the relays that it does not reach, and those of the service
 * addresses appointed to it that do not answer.
 *
 * A doubt needs accusers that are more than half of the relays that can tell. With accusers in two
 * regions it is a verdict (`unreachable`), else a suspicion. A relay that does not reach more than
 * half of the others is cut off itself and accuses nobody. Time comes from `clock` alone. Only the
 * directory's event loop calls it.
 */
export class Reachability implements DoubtSource {
  readonly #clock: Clock;
  readonly #knows: ReachabilityOptions['knows'];
  readonly #reports = new Reports();
  readonly #appointments: Appointments;
  readonly #verdicts = new DampedConditions<Evidence>();
  readonly #suspicions = new DampedConditions<Evidence>();
  readonly #cutOff = new DampedConditions<CutOffChange>();
  #relays: ReadonlyMap<string, LiveRelay> = new Map();
  /** Numbers of all relays by trunk family; undefined until they are needed. */
  #all: TrunkFamilyCounts | undefined;
  /** The same of the credible relays: those that report and are not cut off. */
  #credible: CredibleRelays | undefined;
  /** Doubts that ended between two sweeps, for the log. */
  readonly #endedEarly: DoubtChange[] = [];
  /** Ids of the relays about which a doubt began or ended. */
  #changed = new Set<string>();
  #allCondemned = false;
  #weighedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ clock, random, knows }: ReachabilityOptions) {
    this.#clock = clock;
    this.#knows = knows;
    this.#appointments = new Appointments({ random, reports: (id) => this.#reports.reports(id) });
  }

  /**
   * Takes a relay's report from a registration or a beat.
   * @param report - undefined from a relay that does not report
   */
  report(id: string, report: ReachabilityReport | undefined): void {
    if (report === undefined) {
      this.#reports.forget(id);
      return;
    }
    this.#reports.take(id, report, {
      nowMs: this.#clock.monotonic(),
      isKnown: (other) => this.#knows(id, other),
      isAppointed: (key) => this.#appointments.isAppointed(id, key),
    });
  }

  /** Forgets the reports of a relay that is gone. */
  forget(id: string): void {
    this.#reports.forget(id);
  }

  /** Ends all doubts about a relay that has restarted. */
  renewed(id: string): void {
    const now = this.#clock.monotonic();
    this.#reports.forgetAbout(id, now);
    for (const [conditions, doubt] of [
      [this.#verdicts, 'unreachable'],
      [this.#suspicions, 'suspected'],
    ] as const) {
      for (const [key, condition] of conditions.all()) {
        if (condition.detail.id !== id) continue;
        conditions.end(key, now);
        this.#changed.add(id);
        this.#endedEarly.push(endOf(condition, doubt, now));
      }
    }
    this.#cutOff.end(id, now);
  }

  /** Returns the service addresses that a relay checks. */
  checksOf(id: string): ServiceCheck[] {
    return this.#appointments.checksOf(id);
  }

  relayDoubt(id: string): Doubt {
    return this.#doubt(trunkKey(id));
  }

  addressDoubt(id: string, address: TransportAddress): Doubt {
    return this.#doubt(serviceKey(id, formatAddress(address)));
  }

  doubtsOf({ id, serviceAddresses }: RelayRecord): RelayDoubts {
    const unreached = this.#reports.unreachedOf(id);
    const isQuiet = this.#verdicts.empty && this.#suspicions.empty;
    // The common case: no doubts to look up.
    if (isQuiet) return unreached.size === 0 ? NO_DOUBTS : { ...NO_DOUBTS, unreached };
    const addresses = serviceAddresses.map((address) => this.addressDoubt(id, address));
    const doubted = addresses.some((doubt) => doubt !== 'none');
    return { trunk: this.relayDoubt(id), addresses: doubted ? addresses : [], unreached };
  }

  takeChanged(): Iterable<string> {
    const changed = new Set([...this.#changed, ...this.#reports.takeChanged()]);
    this.#changed.clear();
    return changed;
  }

  /**
   * Appoints checkers and weighs the reports. To be called a few times a second.
   * @param relays - all live relays
   * @returns the changes since the last call
   */
  sweep(relays: readonly LiveRelay[]): ReachabilityChanges {
    const now = this.#clock.monotonic();
    const before = this.#relays;
    this.#relays = new Map(relays.map((relay) => [relay.record.id, relay]));
    for (const id of before.keys()) if (!this.#relays.has(id)) this.#reports.withdraw(id, now);
    this.#all = undefined;
    this.#credible = undefined;
    this.#appointments.turnWith(relays, this.#relays, now);
    this.#reports.sweep(now);
    if (now - this.#weighedAtMs < WEIGH_MS) return NO_CHANGES;
    this.#weighedAtMs = now;
    const cutOff = this.#weighReporters(now);
    const doubts = [
      ...this.#endedEarly.splice(0),
      ...this.#weighTrunks(now),
      ...this.#weighServices(now),
      ...this.#end(now),
    ];
    return { doubts, cutOff, allCondemned: this.#condemnedAll() };
  }

  /** Returns the doubt about a relay's trunk, with its evidence. */
  trunkOf(id: string): Finding {
    return { ...this.#state(trunkKey(id)), evidence: this.#trunkEvidence(id) };
  }

  /** Returns the number of relays that report that they do not reach a relay's trunk. */
  trunkSaid(id: string): number {
    return this.#reports.aboutTrunks.get(id)?.size ?? 0;
  }

  /** Returns the doubt about a service address. `checked`: a checker had time for a result. */
  serviceOf(id: string, address: TransportAddress): Finding & { readonly checked: boolean } {
    const text = formatAddress(address);
    const key = serviceKey(id, text);
    const appointed = [...this.#appointments.checkersOf(key).values()];
    const checked = appointed.some((sinceMs) => this.#isSettled(sinceMs));
    return { ...this.#state(key), evidence: this.#serviceEvidence(id, text), checked };
  }

  /** Returns whether a relay reports that it reaches hardly any other relay. */
  isCutOff(id: string): boolean {
    return this.#cutOff.get(id) !== undefined;
  }

  /** Whether verdicts are against every relay, so that selection has no better one. */
  get allCondemned(): boolean {
    return this.#allCondemned;
  }

  /**
   * Returns the number of pairs of relays of which one reports that it does not reach the other.
   */
  countPairsApart(): number {
    return this.#reports.countPairs();
  }

  /** Iterates over all doubts; a verdict hides the suspicion of the same subject. */
  *doubts(): Iterable<{ readonly doubt: Exclude<Doubt, 'none'>; readonly evidence: Evidence }> {
    for (const [, { detail }] of this.#verdicts.all()) {
      yield { doubt: 'unreachable', evidence: detail };
    }
    for (const [key, { detail }] of this.#suspicions.all()) {
      if (this.#verdicts.get(key) === undefined) yield { doubt: 'suspected', evidence: detail };
    }
  }

  #doubt(key: string): Doubt {
    return this.#state(key).doubt;
  }

  #state(key: string): { readonly doubt: Doubt; readonly sinceMs: number } {
    const verdict = this.#verdicts.get(key);
    if (verdict !== undefined) return { doubt: 'unreachable', sinceMs: verdict.sinceMs };
    const suspicion = this.#suspicions.get(key);
    if (suspicion !== undefined) return { doubt: 'suspected', sinceMs: suspicion.sinceMs };
    return { doubt: 'none', sinceMs: 0 };
  }

  /** Finds the relays that are cut off. */
  #weighReporters(now: number): CutOffChange[] {
    const changes: CutOffChange[] = [];
    for (const id of this.#reports.accusers()) {
      const relay = this.#relays.get(id);
      if (relay === undefined) continue;
      this.#all ??= new TrunkFamilyCounts(this.#relays.values());
      const others = Math.round((this.#all.inCommonWith(relay) - 1) * this.#reports.watched(id));
      const unreached = this.#reports.accusing(id);
      if (2 * unreached <= others) continue;
      const change = { kind: 'begins', id, unreached, others } as const;
      if (this.#cutOff.state(id, change, now)) changes.push(change);
    }
    for (const [id, { detail }] of this.#cutOff.sweep(now)) {
      if (this.#relays.has(id)) changes.push({ ...detail, kind: 'ends' });
    }
    return changes;
  }

  #weighTrunks(now: number): DoubtChange[] {
    // Cut off relays may be others now.
    this.#credible = undefined;
    const changes: DoubtChange[] = [];
    for (const [id, said] of this.#reports.aboutTrunks) {
      // Skips relays with too few reports: in a split cluster most relays are cut off.
      const most = Math.min(said.size, this.#credibleRelays.size);
      if (!this.#relays.has(id) || 2 * most <= this.#ableToTell(id)) continue;
      changes.push(...this.#weigh(trunkKey(id), this.#trunkEvidence(id), now));
    }
    return changes;
  }

  #weighServices(now: number): DoubtChange[] {
    const changes: DoubtChange[] = [];
    for (const key of this.#reports.aboutServices()) {
      const { id, address } = subjectOf(key);
      if (!this.#relays.has(id)) continue;
      changes.push(...this.#weigh(key, this.#serviceEvidence(id, address), now));
    }
    return changes;
  }

  /** States a verdict or a suspicion if the evidence suffices. */
  #weigh(key: string, evidence: Evidence, now: number): DoubtChange[] {
    if (2 * evidence.accusers <= evidence.observers) return [];
    const doubt = evidence.regions.size >= 2 ? 'unreachable' : 'suspected';
    const conditions = doubt === 'unreachable' ? this.#verdicts : this.#suspicions;
    const begins = conditions.state(key, evidence, now);
    if (!begins) return [];
    this.#changed.add(evidence.id);
    return [{ kind: 'begins', doubt, evidence, lastedMs: 0 }];
  }

  /**
   * Ends doubts whose hold time is over. Doubts about relays that are gone end without a log event.
   */
  #end(now: number): DoubtChange[] {
    const ended = (conditions: DampedConditions<Evidence>, doubt: DoubtChange['doubt']) => {
      const all = conditions.sweep(now);
      for (const [, { detail }] of all) this.#changed.add(detail.id);
      return all
        .filter(([, { detail }]) => this.#relays.has(detail.id))
        .map(([, condition]) => endOf(condition, doubt, now));
    };
    return [...ended(this.#verdicts, 'unreachable'), ...ended(this.#suspicions, 'suspected')];
  }

  /** Returns the number of credible relays that can tell whether a relay's trunk answers. */
  #ableToTell(id: string): number {
    const relay = this.#relays.get(id);
    return relay === undefined ? 0 : this.#credibleRelays.ableToTell(relay);
  }

  get #credibleRelays(): CredibleRelays {
    const isAble = (id: string) => this.#reports.reports(id) && !this.isCutOff(id);
    this.#credible ??= new CredibleRelays(
      [...this.#relays.values()].filter(({ record }) => isAble(record.id)),
      (id) => this.#reports.watchShareOf(id),
    );
    return this.#credible;
  }

  #trunkEvidence(id: string): EvidenceCounter {
    const counter = new EvidenceCounter(id, undefined);
    for (const [reporter, statement] of this.#reports.aboutTrunks.get(id) ?? []) {
      const region = this.#relays.get(reporter)?.record.region ?? '';
      counter.add(statement, { region, credible: this.#credibleRelays.has(reporter, id) });
    }
    counter.setObservers(this.#ableToTell(id));
    return counter;
  }

  /** Returns whether a checker appointed at `sinceMs` had the time for a first result. */
  #isSettled(sinceMs: number): boolean {
    const firstResultMs = firstResultMsOf(this.#relays.size) + WEIGH_MS;
    return this.#clock.monotonic() - sinceMs >= firstResultMs;
  }

  #serviceEvidence(id: string, address: string): EvidenceCounter {
    const counter = new EvidenceCounter(id, address);
    const key = serviceKey(id, address);
    let able = 0;
    for (const [checker, sinceMs] of this.#appointments.checkersOf(key)) {
      const credible = !this.isCutOff(checker);
      const statement = this.#reports.ofService(checker, key);
      // A checker that was just appointed has no result yet and does not count.
      const told = statement !== undefined || this.#isSettled(sinceMs);
      if (credible && told) able += 1;
      const region = this.#relays.get(checker)?.record.region ?? '';
      if (statement !== undefined) counter.add(statement, { region, credible });
    }
    counter.setObservers(able);
    return counter;
  }

  /** Returns whether a verdict is against none of the addresses of some relay. */
  #isAnyGood(): boolean {
    for (const { record } of this.#relays.values()) {
      if (!isCondemned(record.serviceAddresses.length, this.doubtsOf(record))) return true;
    }
    return false;
  }

  #condemnedAll(): boolean | undefined {
    const all = this.#relays.size > 0 && !this.#isAnyGood();
    if (all === this.#allCondemned) return undefined;
    this.#allCondemned = all;
    return all;
  }
}

const NO_CHANGES: ReachabilityChanges = { doubts: [], cutOff: [], allCondemned: undefined };

function endOf(
  { detail, sinceMs }: Condition<Evidence>,
  doubt: DoubtChange['doubt'],
  now: number,
): DoubtChange {
  return { kind: 'ends', doubt, evidence: detail, lastedMs: now - sinceMs };
}

/** Returns the key of a relay's trunk. A relay's name has no space, so it is no `serviceKey`. */
function trunkKey(id: string): string {
  return id;
}
