import type { RelayLoad, RelayRecord } from '../registry/types.js';
import { NO_DOUBTS, type RelayDoubts } from './reachability/doubts.js';

/** What a version of the registry holds; its version is the digest of its records. */
export interface RegistryContents {
  /** Whether it holds this record, and not another one of the same relay. */
  holds(record: RelayRecord): boolean;
}

/** What a relay registered and reported, as far as selection reads it. */
export interface RelayState {
  readonly record: RelayRecord;
  /** As the newest beat reported it. */
  readonly load: Pick<RelayLoad, 'legs' | 'legsMax' | 'cpu'>;
  readonly draining: boolean;
  /** Whether every live relay knows it, so that it may be chosen. */
  readonly confirmed: boolean;
  /** The newest registry that it has put to use; undefined before its first beat names one. */
  readonly registry: RegistryContents | undefined;
}

/** A row of a snapshot. It is replaced, never changed: snapshots share the rows that stay. */
export interface LiveRelay extends RelayState {
  /** What other relays say against it, and it against them. */
  readonly doubts: RelayDoubts;
}

/**
 * All live relays at one moment. It holds nothing but what relays reported and what follows from
 * it: no monotonic time of this process, and no leg that only this process has handed out.
 */
export interface Snapshot {
  /** Rises with each snapshot of this process. */
  readonly number: number;
  readonly relays: readonly LiveRelay[];
}

/** What part of the rows comes from, with a note of what has changed. */
export interface RelayStates {
  /** @returns undefined for a relay that is not live */
  stateOf(id: string): RelayState | undefined;
  /** @returns relays whose state was replaced since the last call */
  takeChanged(): Iterable<string>;
}

/** Where the doubts of the rows come from. */
export interface DoubtSource {
  doubtsOf(record: RelayRecord): RelayDoubts;
  /** @returns relays whose doubts were replaced since the last call */
  takeChanged(): Iterable<string>;
}

const NOTHING_REPORTED: DoubtSource = { doubtsOf: () => NO_DOUBTS, takeChanged: () => [] };

/**
 * Publishes snapshots. A writer only notes which relay has changed; the next reader gets a snapshot
 * with those rows replaced, however many changes there were. That costs the changed rows and one
 * shallow copy of the list. Who holds an older snapshot goes on with it. Only the directory's event
 * loop touches it.
 */
export class Snapshots {
  readonly #states: RelayStates;
  readonly #doubts: DoubtSource;
  readonly #rows = new Map<string, LiveRelay>();
  #current: Snapshot = { number: 0, relays: [] };

  constructor(states: RelayStates, doubts: DoubtSource = NOTHING_REPORTED) {
    this.#states = states;
    this.#doubts = doubts;
  }

  /** The newest snapshot: the one before, where nothing has changed. */
  current(): Snapshot {
    const changed = new Set([...this.#states.takeChanged(), ...this.#doubts.takeChanged()]);
    if (changed.size === 0) return this.#current;
    for (const id of changed) {
      const state = this.#states.stateOf(id);
      if (state === undefined) this.#rows.delete(id);
      else this.#rows.set(id, rowOf(state, this.#doubts.doubtsOf(state.record)));
    }
    this.#current = { number: this.#current.number + 1, relays: [...this.#rows.values()] };
    return this.#current;
  }
}

/** Member by member: a spread would give rows hidden classes of their own. */
function rowOf(
  { record, load, draining, confirmed, registry }: RelayState,
  doubts: RelayDoubts,
): LiveRelay {
  return { record, load, draining, confirmed, registry, doubts };
}
