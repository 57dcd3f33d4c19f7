import type { Clock } from '../clock.js';
import { DIRECTORY_METRICS } from '../metrics/directory-metrics.js';
import { createHistogram } from '../metrics/histogram.js';
import { claimedAddresses } from '../registry/record.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import type {
  ClaimResult,
  ReachabilityReport,
  RelayLoad,
  RelayRecord,
  RelaySite,
} from '../registry/types.js';
import { beatSecondsOf, expiryMsOf } from './beat-pace.js';
import { ClaimTable } from './claims/claim-table.js';
import { ConfirmedSequences } from './confirmed-sequences.js';
import type { PublishedRegistry } from './published-registry.js';
import { RecordChangeLimiter } from './record-change-limiter.js';
import { type RegistryNews, RegistryVersions } from './registry-versions.js';
import { type Expiring, RelayExpiry } from './relay-expiry.js';
import type { RegistryContents, RelayState, RelayStates } from './snapshot.js';

/** Maximum wait for every relay to confirm a registry before a new relay in it is chosen. */
export const RELAY_CONFIRM_MS_MAX = 3_000;

/** The reason why a registration or a beat is refused; the codes of docs/registration.md. */
export type RelayRefusal =
  | { readonly code: 'start-too-low'; readonly lastStart: number }
  | { readonly code: 'superseded'; readonly lastStart: number }
  | { readonly code: 'registry-full' }
  | { readonly code: 'too-many-changes'; readonly retryAfterMs: number }
  | { readonly code: 'unknown-relay' };

/** A relay's beat. */
export interface RelayBeat {
  readonly id: string;
  readonly start: number;
  /** The newest registry version that the relay has put to use; null before the first. */
  readonly registryVersion: string | null;
  readonly load: RelayLoad;
  /** Sequence number of the newest answer it had when it read its load; absent if unsaid. */
  readonly after?: number | undefined;
  readonly draining: boolean;
  /** Absent from a relay that does not report reachability. */
  readonly reachability?: ReachabilityReport | undefined;
  /** Absent from a relay that makes no challenges. */
  readonly claims?: readonly ClaimResult[] | undefined;
  /** Unchecked; absent from a relay that measures nothing. */
  readonly measurements?: unknown;
}

/** What a registration says beside its record. */
export interface RegistrationState {
  readonly load: RelayLoad;
  readonly draining: boolean;
  /** Whether it has proved to be at its contested addresses; default false. */
  readonly proved?: boolean;
  /** Whether it takes changes of the registry, and not only all of it; default false. */
  readonly takesChanges?: boolean;
  /** Absent from a relay that does not say where it is. */
  readonly site?: RelaySite | undefined;
}

interface Entry extends Expiring {
  record: RelayRecord;
  site: RelaySite | undefined;
  load: RelayLoad;
  draining: boolean;
  /** Whether it has proved to be at its contested addresses. */
  proved: boolean;
  confirmed: boolean;
  readonly takesChanges: boolean;
  registeredAtMs: number;
  lastBeatMs: number;
  /** Sequence number and contents of the newest registry version that the relay has confirmed. */
  versionKnown: number;
  registry: RegistryContents | undefined;
}

/**
 * The live relays: soft state that beats refresh and silence expires, by this process's monotonic
 * clock. Only the directory's event loop calls it.
 *
 * Bounds: `REGISTRATION_LIMITS.relaysMax` relays; a further id is refused. The starts of
 * `REGISTRATION_LIMITS.relaysRememberedMax` relays are remembered, also of expired ones; the least
 * recently registered is forgotten.
 */
export class RelayTable implements RelayStates {
  /** Holder of each claimed address. */
  readonly claims: ClaimTable;
  readonly beatSeconds = createHistogram(
    DIRECTORY_METRICS,
    'turnpike_directory_relay_beat_interval_seconds',
  );
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #starts = new Map<string, number>();
  readonly #versions: RegistryVersions;
  readonly #pace: RecordChangeLimiter;
  readonly #expiry: RelayExpiry<Entry>;
  readonly #confirmed = new ConfirmedSequences();
  /** Live relays that may not be chosen yet, in the order of their registrations. */
  readonly #unconfirmed = new Set<Entry>();
  #changed = new Set<string>();
  /** Ids of live relays whose records are in no registry version yet. */
  readonly #unpublished = new Set<string>();
  /** Counts changes of presence, draining, confirmation or whether TURN is served. */
  #changes = 0;
  /** Number of live relays that take no changes of the registry. */
  #fetchingWhole = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.claims = new ClaimTable(clock);
    this.#versions = new RegistryVersions(clock, () => this.#fetchingWhole);
    this.#pace = new RecordChangeLimiter(clock);
    this.#expiry = new RelayExpiry(clock);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Counter that rises with each change of the list of relays that may be chosen. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * Returns why a record may not be registered; undefined if it may, apart from rivals in `claims`.
   * @param record - a canonical record
   */
  refusal(record: RelayRecord): RelayRefusal | undefined {
    const lastStart = this.#starts.get(record.id);
    if (lastStart !== undefined && record.start < lastStart) {
      return { code: 'start-too-low', lastStart };
    }
    if (!this.#entries.has(record.id) && this.#entries.size >= REGISTRATION_LIMITS.relaysMax) {
      return { code: 'registry-full' };
    }
    const retryAfterMs = this.#isChange(record) ? this.#pace.waitMs(record.id) : 0;
    return retryAfterMs > 0 ? { code: 'too-many-changes', retryAfterMs } : undefined;
  }

  /**
   * Registers a record that `refusal` accepts, and assigns its addresses to its relay.
   * @param state - what the registration says beside the record
   * @returns the ids of live relays that held one of the addresses and are now removed
   */
  register(
    record: RelayRecord,
    { load, draining, proved = false, takesChanges = false, site }: RegistrationState,
  ): string[] {
    const now = this.#clock.monotonic();
    const former = this.#entries.get(record.id);
    this.#rememberStart(record.id, record.start);
    if (former !== undefined && !this.#isChange(record)) {
      this.#takeState(former, { load, draining });
      former.site = site;
      former.lastBeatMs = now;
      this.#expiry.heard(former);
      this.#changed.add(record.id);
      return [];
    }
    const evicted = this.#evict(record);
    this.#remove(record.id);
    this.#changes += 1;
    this.#pace.changed(record.id);
    const entry: Entry = {
      record,
      site,
      load,
      draining,
      proved,
      confirmed: false,
      takesChanges,
      registeredAtMs: now,
      lastBeatMs: now,
      expiryMs: REGISTRATION_LIMITS.relayExpiryMs,
      heardMs: now,
      versionKnown: 0,
      registry: undefined,
    };
    this.#entries.set(record.id, entry);
    this.#expiry.heard(entry);
    this.#confirmed.add(entry.versionKnown);
    this.#unconfirmed.add(entry);
    if (!takesChanges) this.#fetchingWhole += 1;
    this.#changed.add(record.id);
    this.claims.take(record);
    this.#versions.put(record, proved);
    this.#unpublished.add(record.id);
    return evicted;
  }

  #evict(record: RelayRecord): string[] {
    const rivals = this.claims.rivals(record).filter(({ silentMs }) => silentMs === undefined);
    const evicted = new Set(rivals.map(({ by }) => by.id));
    for (const id of evicted) this.deregister(id);
    return [...evicted];
  }

  /** Returns why a beat or deregistration is refused: not of the registered process. */
  beatRefusal(id: string, start: number): RelayRefusal | undefined {
    const lastStart = this.#starts.get(id);
    if (lastStart !== undefined && start < lastStart) return { code: 'superseded', lastStart };
    const entry = this.#entries.get(id);
    return entry?.record.start === start ? undefined : { code: 'unknown-relay' };
  }

  /** Applies a beat that `beatRefusal` accepts. */
  beat(beat: RelayBeat): void {
    const entry = this.#entries.get(beat.id);
    if (entry === undefined) return;
    const { load, draining } = beat;
    const now = this.#clock.monotonic();
    this.beatSeconds.observe((now - entry.lastBeatMs) / 1_000);
    entry.lastBeatMs = now;
    this.#expiry.heard(entry);
    if (isOtherLoad(entry.load, load) || entry.draining !== draining) this.#changed.add(beat.id);
    this.#takeState(entry, { load, draining });
    this.#versions.current();
    const known = this.#versions.known(beat.registryVersion);
    if (known !== undefined && known.sequence > entry.versionKnown) {
      this.#confirmed.delete(entry.versionKnown);
      this.#confirmed.add(known.sequence);
      entry.versionKnown = known.sequence;
      entry.registry = known.contents;
      this.#changed.add(beat.id);
    }
    this.#confirm();
  }

  /** Removes a relay that closes, and releases its claims. */
  deregister(id: string): void {
    this.claims.release(id);
    this.#remove(id);
  }

  /**
   * Expires silent relays, as `RelayExpiry`. To be called a few times a second.
   * @param heardUntilMs - time up to which all received requests have been processed, monotonic ms
   * @returns the ids of relays that expired
   */
  sweep(heardUntilMs = this.#clock.monotonic()): string[] {
    const expired = this.#expiry.sweep(heardUntilMs).map(({ record }) => record.id);
    for (const id of expired) {
      this.claims.lapse(id);
      this.#remove(id);
    }
    this.#confirm();
    return expired;
  }

  /** Number of registry versions made. */
  get versionsMade(): number {
    return this.#versions.made;
  }

  /** Returns the longest interval until a relay's next beat, which it is told now, s. */
  beatSecondsFor(id: string, has: string | null): number | undefined {
    const beatSeconds = beatSecondsOf(this.size, has);
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.expiryMs = expiryMsOf(beatSeconds);
    return beatSeconds;
  }

  /** Returns what a relay that takes changes is told of the registry, as `RegistryVersions`. */
  registryNews(has: string | null): RegistryNews {
    return this.#versions.news(has);
  }

  /** Returns the newest registry version in one piece, for relays that take no changes. */
  registry(): PublishedRegistry {
    return this.#versions.whole();
  }

  /** Returns what relays fetch of the recent versions, by its digest. */
  registryOf(digest: string): PublishedRegistry | undefined {
    return this.#versions.published(digest);
  }

  /** Returns whether a live relay has confirmed a registry with another's present record. */
  knows(id: string, other: string): boolean {
    const known = this.#entries.get(id)?.versionKnown;
    return known !== undefined && known >= this.#versions.firstSequenceOf(other);
  }

  /** Returns whether a proved live relay registers the same claims again. */
  isProved(record: RelayRecord): boolean {
    const entry = this.#entries.get(record.id);
    return entry?.proved === true && sameClaims(entry.record, record);
  }

  /** Returns a live relay's registration. */
  recordOf(id: string): RelayRecord | undefined {
    return this.#entries.get(id)?.record;
  }

  stateOf(id: string): RelayState | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    const { record, site, load, draining, confirmed, registry, versionKnown } = entry;
    const recordSequence = this.#versions.firstSequenceOf(id);
    const known = { registry, registrySequence: versionKnown, recordSequence };
    return { record, site, load, draining, confirmed, ...known };
  }

  takeChanged(): Iterable<string> {
    this.#confirm();
    for (const id of this.#unpublished) {
      if (!Number.isFinite(this.#versions.firstSequenceOf(id))) continue;
      this.#unpublished.delete(id);
      this.#changed.add(id);
    }
    const changed = this.#changed;
    if (changed.size > 0) this.#changed = new Set();
    return changed;
  }

  /**
   * Confirms relays. A relay may be chosen once every live relay has confirmed a registry with it,
   * or after `RELAY_CONFIRM_MS_MAX`: otherwise the other relay of a pair might drop its trunk
   * messages (PROTOCOL.md section 5). After that time it is paired only with relays that know it. A
   * confirmed relay stays confirmed: a later relay learns of it before it is chosen itself.
   */
  #confirm(): void {
    if (this.#unconfirmed.size === 0) return;
    const known = this.#confirmed.lowest;
    const now = this.#clock.monotonic();
    // An earlier registration is in every version that has a later one, so it is confirmed first.
    for (const entry of this.#unconfirmed) {
      const { id } = entry.record;
      entry.confirmed =
        this.#versions.firstSequenceOf(id) <= known ||
        now - entry.registeredAtMs >= RELAY_CONFIRM_MS_MAX;
      if (!entry.confirmed) return;
      this.#unconfirmed.delete(entry);
      this.#changed.add(id);
      this.#changes += 1;
    }
  }

  /** Takes what a relay says of itself in each registration and beat. */
  #takeState(entry: Entry, { load, draining }: Pick<Entry, 'load' | 'draining'>): void {
    const isOtherTurn = (entry.load.turn === undefined) !== (load.turn === undefined);
    if (entry.draining !== draining || isOtherTurn) this.#changes += 1;
    entry.load = load;
    entry.draining = draining;
  }

  #isChange(record: RelayRecord): boolean {
    const former = this.#entries.get(record.id);
    return former === undefined || !sameRecord(former.record, record);
  }

  #remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#expiry.forget(entry);
    this.#confirmed.delete(entry.versionKnown);
    this.#unconfirmed.delete(entry);
    if (!entry.takesChanges) this.#fetchingWhole -= 1;
    this.#unpublished.delete(id);
    this.#changed.add(id);
    this.#changes += 1;
    this.#versions.delete(id);
  }

  #rememberStart(id: string, start: number): void {
    this.#starts.delete(id);
    this.#starts.set(id, start);
    if (this.#starts.size <= REGISTRATION_LIMITS.relaysRememberedMax) return;
    for (const oldest of this.#starts.keys()) {
      if (this.#entries.has(oldest) || oldest === id) continue;
      this.#starts.delete(oldest);
      return;
    }
  }
}

function sameClaims(a: RelayRecord, b: RelayRecord): boolean {
  return claimedAddresses(a).join() === claimedAddresses(b).join();
}

function sameRecord(a: RelayRecord, b: RelayRecord): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Returns whether the change affects selection, which does not read packet rates. */
function isOtherLoad(a: RelayLoad, b: RelayLoad): boolean {
  return (
    a.legs !== b.legs ||
    a.legsMax !== b.legsMax ||
    a.cpu !== b.cpu ||
    a.turn?.allocations !== b.turn?.allocations ||
    a.turn?.allocationsMax !== b.turn?.allocationsMax
  );
}
