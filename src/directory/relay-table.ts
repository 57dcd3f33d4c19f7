import type { Clock } from '../clock.js';
import { LIMITS } from '../limits.js';
import { claimedAddresses } from '../registry/record.js';
import type { ClaimResult, ReachabilityReport, RelayLoad, RelayRecord } from '../registry/types.js';
import { ClaimTable } from './claims/claim-table.js';
import { RecordChangeLimiter } from './record-change-limiter.js';
import { type PublishedRegistry, RegistryVersions } from './registry-versions.js';
import { type LoadMeasure, loadMeasure, loadShare, RecentLegs } from './selection/load.js';

/** Why a registration or a beat is refused; the codes of docs/registration.md. */
export type RelayRefusal =
  | { readonly code: 'start-too-low'; readonly lastStart: number }
  | { readonly code: 'superseded'; readonly lastStart: number }
  | { readonly code: 'registry-full' }
  | { readonly code: 'too-many-changes'; readonly retryAfterMs: number }
  | { readonly code: 'unknown-relay' };

/** What a relay says of itself with each beat. */
export interface RelayBeat {
  readonly id: string;
  readonly start: number;
  /** The newest registry the relay has put to use. */
  readonly registryVersion: string | null;
  readonly load: RelayLoad;
  readonly draining: boolean;
  /** Left out by a relay that does not say what it cannot reach. */
  readonly reachability?: ReachabilityReport | undefined;
  /** Left out by a relay that makes no challenges. */
  readonly claims?: readonly ClaimResult[] | undefined;
}

/** A live relay as selection and listing see it. */
export interface LiveRelay {
  readonly record: RelayRecord;
  readonly load: RelayLoad;
  readonly draining: boolean;
  /** Whether every live relay knows it, so that it may be chosen. */
  readonly confirmed: boolean;
  /** Legs handed out since the load was measured: it is not in the load yet. */
  readonly legsAssigned: number;
  /** How busy it is, 0 to 1, as far as its word can be taken (`loadShare`). */
  readonly loadShare: number;
  /** The newest version of the registry that it has put to use, by sequence number. */
  readonly registryKnown: number;
  /** The first version that holds its present record; infinite before there is one. */
  readonly listedSince: number;
}

interface Entry {
  record: RelayRecord;
  load: RelayLoad;
  draining: boolean;
  /** Whether it has proved to be at addresses that others claimed. */
  proved: boolean;
  confirmed: boolean;
  registeredAtMs: number;
  lastBeatMs: number;
  /** Registry versions up to this one are known to the relay. */
  versionKnown: number;
  assignedSinceBeat: number;
  assignedBeforeBeat: number;
}

/**
 * The relays that are alive, by this process's monotonic clock: soft state that beats keep and
 * silence ends. Only the directory's event loop touches it.
 *
 * Bounds: `relaysMax` relays; beyond it a new id is refused. Starts outlive their relay, four
 * times as many, the longest unused forgotten first.
 */
export class RelayTable {
  /** Who has which address. */
  readonly claims: ClaimTable;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #starts = new Map<string, number>();
  readonly #versions: RegistryVersions;
  readonly #pace: RecordChangeLimiter;
  readonly #recentLegs: RecentLegs;
  #measure: LoadMeasure = loadMeasure([]);
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  /** Of who is there, drains or is confirmed. */
  #changes = 0;
  #sweptAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.claims = new ClaimTable(clock);
    this.#versions = new RegistryVersions(clock);
    this.#pace = new RecordChangeLimiter(clock);
    this.#recentLegs = new RecentLegs(clock);
    this.#sweptAtMs = clock.monotonic();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A count of changes of which relays are listed. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * @param record - a canonical record
   * @returns why it may not be registered, undefined when it may, if `claims` knows no rivals
   */
  refusal(record: RelayRecord): RelayRefusal | undefined {
    const lastStart = this.#starts.get(record.id);
    if (lastStart !== undefined && record.start < lastStart) {
      return { code: 'start-too-low', lastStart };
    }
    if (!this.#entries.has(record.id) && this.#entries.size >= LIMITS.relaysMax) {
      return { code: 'registry-full' };
    }
    const retryAfterMs = this.#isChange(record) ? this.#pace.waitMs(record.id) : 0;
    return retryAfterMs > 0 ? { code: 'too-many-changes', retryAfterMs } : undefined;
  }

  /**
   * Takes a registration that `refusal` has let pass. Its addresses are its relay's from now on.
   * @param state - what it says of itself, and whether it has proved to be at addresses that others
   *   claim
   * @returns the ids of relays that had one of the addresses and are forgotten therefore
   */
  register(
    record: RelayRecord,
    { load, draining, proved = false }: Pick<Entry, 'load' | 'draining'> & { proved?: boolean },
  ): string[] {
    const now = this.#clock.monotonic();
    const former = this.#entries.get(record.id);
    this.#rememberStart(record.id, record.start);
    if (former !== undefined && !this.#isChange(record)) {
      Object.assign(former, { load, draining, lastBeatMs: now });
      return [];
    }
    const evicted = this.#evict(record);
    this.#remove(record.id);
    this.#changes += 1;
    this.#pace.changed(record.id);
    this.#entries.set(record.id, {
      record,
      load,
      draining,
      proved,
      confirmed: false,
      registeredAtMs: now,
      lastBeatMs: now,
      versionKnown: 0,
      assignedSinceBeat: 0,
      assignedBeforeBeat: 0,
    });
    this.claims.take(record);
    this.#versions.put(record, proved);
    return evicted;
  }

  #evict(record: RelayRecord): string[] {
    const rivals = this.claims.rivals(record).filter(({ silentMs }) => silentMs === undefined);
    const evicted = new Set(rivals.map(({ by }) => by.id));
    for (const id of evicted) this.deregister(id);
    return [...evicted];
  }

  /** Whether a beat or a deregistration comes from the process that is registered. */
  beatRefusal(id: string, start: number): RelayRefusal | undefined {
    const lastStart = this.#starts.get(id);
    if (lastStart !== undefined && start < lastStart) return { code: 'superseded', lastStart };
    const entry = this.#entries.get(id);
    return entry?.record.start === start ? undefined : { code: 'unknown-relay' };
  }

  /** Takes a beat that `beatRefusal` has let pass. */
  beat(beat: RelayBeat): void {
    const entry = this.#entries.get(beat.id);
    if (entry === undefined) return;
    entry.lastBeatMs = this.#clock.monotonic();
    entry.load = beat.load;
    if (entry.draining !== beat.draining) this.#changes += 1;
    entry.draining = beat.draining;
    this.#versions.current();
    entry.versionKnown = Math.max(
      entry.versionKnown,
      this.#versions.sequenceOf(beat.registryVersion),
    );
    // Peers take a moment to allocate: what was assigned just before this beat may be in its
    // load or may not, so it counts until the next one.
    entry.assignedBeforeBeat = entry.assignedSinceBeat;
    entry.assignedSinceBeat = 0;
    this.#confirm();
  }

  /** Forgets a relay that said it closes, and what it claimed. */
  deregister(id: string): void {
    this.claims.release(id);
    this.#remove(id);
  }

  /** Counts a leg as the relay's until its own load shows it. */
  assign(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.assignedSinceBeat += 1;
    this.#recentLegs.add(id);
  }

  /**
   * Forgets relays that were silent for `relayExpiryMs`. To be called a few times a second: a gap
   * between two calls means that this process stood still and heard nobody, so the gap is credited
   * to every relay. Nor is a relay silent whose beat has come and waits for its turn.
   * @param heardUntilMs - until when what has come was heard, by the monotonic clock
   * @returns the ids of relays that expired
   */
  sweep(heardUntilMs = this.#clock.monotonic()): string[] {
    const now = this.#clock.monotonic();
    const gap = now - this.#sweptAtMs;
    this.#sweptAtMs = now;
    const credit = gap > STALL_MS ? gap : 0;
    const expired: string[] = [];
    for (const [id, entry] of this.#entries) {
      entry.lastBeatMs = Math.min(now, entry.lastBeatMs + credit);
      if (heardUntilMs - entry.lastBeatMs >= LIMITS.relayExpiryMs) expired.push(id);
    }
    for (const id of expired) {
      this.claims.lapse(id);
      this.#remove(id);
    }
    this.#confirm();
    return expired;
  }

  /** Versions of the registry so far. */
  get versionsMade(): number {
    return this.#versions.made;
  }

  /** The registry as it is handed to relays. */
  registry(): PublishedRegistry {
    return this.#versions.current();
  }

  /** The registry of a version that a relay was told of a moment ago. */
  registryOf(version: string): PublishedRegistry | undefined {
    return this.#versions.published(version);
  }

  /** Whether a live relay has confirmed a registry that holds another's present record. */
  knows(id: string, other: string): boolean {
    const known = this.#entries.get(id)?.versionKnown;
    return known !== undefined && known >= this.#versions.firstSequenceOf(other);
  }

  /** Whether a live relay that has proved to be at its addresses registers the same. */
  isProved(record: RelayRecord): boolean {
    const entry = this.#entries.get(record.id);
    return entry?.proved === true && sameClaims(entry.record, record);
  }

  /** A live relay's registration. */
  recordOf(id: string): RelayRecord | undefined {
    return this.#entries.get(id)?.record;
  }

  /** All live relays, by id. */
  live(): LiveRelay[] {
    this.#confirm();
    const measure = this.#loadMeasure();
    return [...this.#entries.values()].map((entry) => ({
      record: entry.record,
      load: entry.load,
      draining: entry.draining,
      confirmed: entry.confirmed,
      legsAssigned: entry.assignedSinceBeat + entry.assignedBeforeBeat,
      loadShare: loadShare(this.#reported(entry), measure),
      registryKnown: entry.versionKnown,
      listedSince: this.#versions.firstSequenceOf(entry.record.id),
    }));
  }

  #loadMeasure(): LoadMeasure {
    const now = this.#clock.monotonic();
    if (now - this.#measuredAtMs >= MEASURE_MS) {
      this.#measuredAtMs = now;
      this.#measure = loadMeasure([...this.#entries.values()].map((each) => this.#reported(each)));
    }
    return this.#measure;
  }

  #reported({ record, load, assignedSinceBeat, assignedBeforeBeat }: Entry) {
    const legsAssigned = assignedSinceBeat + assignedBeforeBeat;
    return { load, legsAssigned, recentLegs: this.#recentLegs.of(record.id) };
  }

  /**
   * A relay may be chosen once every live relay knows it, or after `relayConfirmMs`: otherwise its
   * pair's other relay might refuse its trunk messages (PROTOCOL.md section 5). After that time it
   * is paired only with relays that do know it. Once confirmed it stays so: a relay that comes
   * later knows it before it is chosen itself.
   */
  #confirm(): void {
    let known = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) known = Math.min(known, entry.versionKnown);
    const now = this.#clock.monotonic();
    for (const [id, entry] of this.#entries) {
      if (entry.confirmed) continue;
      entry.confirmed =
        this.#versions.firstSequenceOf(id) <= known ||
        now - entry.registeredAtMs >= LIMITS.relayConfirmMs;
      if (entry.confirmed) this.#changes += 1;
    }
  }

  #isChange(record: RelayRecord): boolean {
    const former = this.#entries.get(record.id);
    return former === undefined || !sameRecord(former.record, record);
  }

  #remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#changes += 1;
    this.#versions.delete(id);
  }

  #rememberStart(id: string, start: number): void {
    this.#starts.delete(id);
    this.#starts.set(id, start);
    if (this.#starts.size <= 4 * LIMITS.relaysMax) return;
    for (const oldest of this.#starts.keys()) {
      if (this.#entries.has(oldest) || oldest === id) continue;
      this.#starts.delete(oldest);
      return;
    }
  }
}

/** How often the relays' loads are compared with each other. */
const MEASURE_MS = 250;
/** A gap between sweeps that no timer's lateness explains. */
const STALL_MS = 1_500;

function sameClaims(a: RelayRecord, b: RelayRecord): boolean {
  return claimedAddresses(a).join() === claimedAddresses(b).join();
}

function sameRecord(a: RelayRecord, b: RelayRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
