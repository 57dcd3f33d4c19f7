import type { Clock } from '../clock.js';
import { versionName } from '../registry/parts.js';
import type { RegistryChanges, RelayRecord } from '../registry/types.js';
import { PublishedRegistry } from './published-registry.js';
import { type PartContents, RegistryParts } from './registry-parts.js';
import { Restoration } from './restoration.js';
import type { RegistryContents } from './snapshot.js';

/** Time per relay to take the changes of a registry version before the next one is made. */
export const CHANGES_SPREAD_MS_PER_RELAY = 0.25;
/** The same for a relay that fetches the whole registry at each change. */
export const REGISTRY_SPREAD_MS_PER_RELAY = 1.5;
/** Maximum text of changes inside an answer; longer ones are fetched by their digest. */
export const CHANGES_INLINE_BYTES_MAX = 4_096;

/**
 * Number of versions that a beat can confirm, and from which there are changes to the newest. An
 * older one confirms nothing, and its relay fetches the parts that differ.
 */
const VERSIONS_MAX = 64;
/** Number of versions of which bodies can be fetched: a relay fetches what it was just told. */
const PUBLISHED_MAX = 16;

/** A version that a relay may have put to use. */
export interface KnownVersion {
  /** Order of the version in this process, from 1. */
  readonly sequence: number;
  readonly contents: RegistryContents;
}

/** Changes from a relay's version of the registry to the newest. */
export interface PublishedChanges {
  /** `RegistryChanges` as JSON. */
  readonly published: PublishedRegistry;
  /** The same, if it is short enough for an answer. */
  readonly inline: RegistryChanges | undefined;
}

/** What an answer says of the registry; the version is absent while a relay should keep its own. */
export interface RegistryNews {
  readonly registryVersion?: string;
  /** What leads from the relay's version to that one. */
  readonly registryChanges?: RegistryChanges;
  /** The same, to be fetched by its digest. */
  readonly registryChangesDigest?: string;
}

interface Published {
  /** As `versionName` of the parts' digests. */
  readonly version: string;
  readonly bodies: Map<string, PublishedRegistry>;
}

/**
 * The registry's records and the order of its versions. A version is named by a digest of the
 * records and the proved ids, so a restarted directory with the same relays has the same version.
 * Sequence numbers order the versions of this process, for confirmation and for changes.
 *
 * Every relay takes every version, so changes are collected: the next version is made when it is
 * asked for, but not before the relays had time to take the last.
 */
export class RegistryVersions {
  readonly #clock: Clock;
  /** Number of relays that fetch the whole registry at each change. */
  readonly #fetchingWhole: () => number;
  readonly #restoration: Restoration;
  readonly #parts = new RegistryParts();
  /** The first sequence number whose version holds a record. */
  readonly #firsts = new WeakMap<RelayRecord, number>();
  /** Ids that were put or deleted since the last version. */
  #changed = new Set<string>();
  /** The ids that each of the last versions changed, the newest last. */
  readonly #log: { readonly sequence: number; readonly ids: ReadonlySet<string> }[] = [];
  readonly #known = new Map<string, KnownVersion>();
  readonly #published = new Map<string, Published>();
  /** Changes to the newest version, by the version that they start from. */
  readonly #changes = new Map<string, PublishedChanges | undefined>();
  #sequence = 0;
  #current: Published | undefined;
  /** What the newest version holds. */
  #contents: PartContents = { records: new Map(), proved: new Set() };
  #whole: PublishedRegistry | undefined;
  #madeAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, fetchingWhole: () => number = () => 0) {
    this.#clock = clock;
    this.#fetchingWhole = fetchingWhole;
    this.#restoration = new Restoration(clock);
  }

  /** Number of versions made. */
  get made(): number {
    return this.#sequence;
  }

  /**
   * Adds or replaces a record.
   * @param proved - whether the relay has proved to be at its contested addresses
   */
  put(record: RelayRecord, proved = false): void {
    if (this.#parts.get(record.id) === undefined) this.#restoration.joined();
    this.#parts.put(record, proved);
    this.#changed.add(record.id);
  }

  /** Removes a relay's record. */
  delete(id: string): void {
    this.#parts.delete(id);
    this.#changed.add(id);
  }

  /** Returns the name of the newest version. It may lack changes of the current interval. */
  current(): string {
    const current = this.#current;
    if (current !== undefined && (this.#changed.size === 0 || !this.#isDue())) {
      return current.version;
    }
    return this.#make().version;
  }

  /** Returns the newest version in one piece, for relays that take no changes. */
  whole(): PublishedRegistry {
    this.current();
    if (this.#whole === undefined) {
      this.#whole = new PublishedRegistry(this.#parts.textOf(this.#contents));
      this.#current?.bodies.set(this.#whole.version, this.#whole);
      this.#know(this.#whole.version);
    }
    return this.#whole;
  }

  /**
   * Returns what a relay that takes changes is told.
   * @param has - the version that it has; null for none
   */
  news(has: string | null): RegistryNews {
    const registryVersion = this.current();
    const isKnown = has === null || this.known(has) !== undefined;
    if (!isKnown && this.#restoration.holdsBack(has)) return {};
    const changes = this.changesSince(has);
    if (changes === undefined) return { registryVersion };
    const { inline, published: whole } = changes;
    return inline === undefined
      ? { registryVersion, registryChangesDigest: whole.version }
      : { registryVersion, registryChanges: inline };
  }

  /**
   * Returns what leads from a version to the newest; undefined if the version is too old or
   * unknown, or if fetching the newest is as cheap.
   */
  changesSince(version: string | null): PublishedChanges | undefined {
    const newest = this.current();
    const known = this.known(version);
    if (version === null || known === undefined || version === newest) return undefined;
    if (!this.#changes.has(version)) this.#changes.set(version, this.#changesFrom(version, known));
    return this.#changes.get(version);
  }

  /** Returns a registry, a part, or changes of the last `PUBLISHED_MAX` versions, by digest. */
  published(digest: string): PublishedRegistry | undefined {
    for (const { bodies } of this.#published.values()) {
      const body = bodies.get(digest);
      if (body !== undefined) return body;
    }
    return undefined;
  }

  /**
   * Returns a version of the last `VERSIONS_MAX` that a relay names; undefined for none or another.
   */
  known(version: string | null): KnownVersion | undefined {
    return version === null ? undefined : this.#known.get(version);
  }

  /**
   * Returns the sequence number from which on versions hold the present record of `id`; infinity if
   * none does.
   */
  firstSequenceOf(id: string): number {
    return this.#firstOf(this.#parts.get(id));
  }

  #firstOf(record: RelayRecord | undefined): number {
    const first = record === undefined ? undefined : this.#firsts.get(record);
    return first ?? Number.POSITIVE_INFINITY;
  }

  #isDue(): boolean {
    const whole = Math.min(this.#fetchingWhole(), this.#parts.size);
    const spreadMs =
      whole * REGISTRY_SPREAD_MS_PER_RELAY +
      (this.#parts.size - whole) * CHANGES_SPREAD_MS_PER_RELAY;
    return this.#clock.monotonic() - this.#madeAtMs >= spreadMs;
  }

  #make(): Published {
    this.#sequence += 1;
    for (const id of this.#changed) {
      const record = this.#parts.get(id);
      if (record !== undefined) this.#firsts.set(record, this.#sequence);
    }
    this.#log.push({ sequence: this.#sequence, ids: this.#changed });
    if (this.#log.length > VERSIONS_MAX) this.#log.shift();
    this.#changed = new Set();
    this.#changes.clear();
    this.#whole = undefined;
    this.#contents = this.#parts.contents();
    this.#madeAtMs = this.#clock.monotonic();
    const current = published(this.#parts.published());
    this.#current = current;
    replace(this.#published, current.version, current, PUBLISHED_MAX);
    this.#know(current.version);
    this.#restoration.made(current.version);
    return current;
  }

  /** Lets beats confirm the newest version by a name. */
  #know(version: string): void {
    const sequence = this.#sequence;
    const contents = { holds: (record: RelayRecord) => this.#firstOf(record) <= sequence };
    // A version that recurs becomes the newest again: it holds the same records.
    replace(this.#known, version, { sequence, contents }, VERSIONS_MAX);
  }

  #changesFrom(since: string, { sequence }: KnownVersion): PublishedChanges | undefined {
    const [oldest] = this.#log;
    if (oldest === undefined || sequence < oldest.sequence - 1) return undefined;
    const ids = new Set<string>();
    for (const each of this.#log) {
      if (each.sequence > sequence) for (const id of each.ids) ids.add(id);
    }
    const { records, proved } = this.#contents;
    if (2 * ids.size > records.size + 1) return undefined;
    const removed = [...ids].filter((id) => !records.has(id));
    const relays = [...ids].flatMap((id) => records.get(id) ?? []);
    const isProved = [...ids].filter((id) => proved.has(id));
    const changes: RegistryChanges = { since, removed, relays, proved: isProved };
    const body = new PublishedRegistry(JSON.stringify(changes));
    const isShort = body.body.length <= CHANGES_INLINE_BYTES_MAX;
    if (!isShort) this.#current?.bodies.set(body.version, body);
    return { published: body, inline: isShort ? changes : undefined };
  }
}

/** Returns a version with these parts. */
function published(parts: readonly PublishedRegistry[]): Published {
  const bodies = new Map(parts.map((part) => [part.version, part]));
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return { version: first.version, bodies };
  const digests = parts.map(({ version }) => version);
  const index = new PublishedRegistry(JSON.stringify({ parts: digests }));
  bodies.set(index.version, index);
  return { version: versionName(parts.length, index.version), bodies };
}

/** Makes an entry the newest of a map, and deletes the oldest beyond `most`. */
function replace<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
