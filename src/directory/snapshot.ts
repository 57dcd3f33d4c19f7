import type { RelayLoad, RelayRecord, RelaySite } from '../registry/types.js';
import { NO_DOUBTS, type RelayDoubts } from './reachability/doubts.js';

/** The contents of a registry version. */
export interface RegistryContents {
  /**
   * Returns whether it holds this record of a live relay, and not another one of the same relay.
   */
  holds(record: RelayRecord): boolean;
}

/** A relay's registration and reports, as far as selection reads them. */
export interface RelayState {
  readonly record: RelayRecord;
  /** Absent if the relay does not say where it is. */
  readonly site?: RelaySite | undefined;
  /** As the newest beat reported it. */
  readonly load: Pick<RelayLoad, 'legs' | 'legsMax' | 'cpu' | 'turn'>;
  readonly draining: boolean;
  /** Whether every live relay knows it, so that it may be chosen. */
  readonly confirmed: boolean;
  /** The newest registry that it has put to use; undefined before a beat names one. */
  readonly registry: RegistryContents | undefined;
}

/** A row of a snapshot. It is immutable: snapshots share unchanged rows. */
export interface LiveRelay extends RelayState {
  /** Reports about it and by it. */
  readonly doubts: RelayDoubts;
}

/**
 * All live relays at one moment. It holds only what relays reported and what follows from that: no
 * monotonic time and no handed out legs of this process, so that two instances could agree on it.
 */
export interface Snapshot {
  /** Rises with each snapshot of this process. */
  readonly number: number;
  readonly relays: readonly LiveRelay[];
}

/** Source of a row's state, with change tracking. */
export interface RelayStates {
  /** Returns the state of a relay; undefined if it is not live. */
  stateOf(id: string): RelayState | undefined;
  /** Returns the relays whose state was replaced since the last call. */
  takeChanged(): Iterable<string>;
}

/** Source of a row's doubts, with change tracking. */
export interface DoubtSource {
  doubtsOf(record: RelayRecord): RelayDoubts;
  /** Returns the relays whose doubts were replaced since the last call. */
  takeChanged(): Iterable<string>;
}

const NOTHING_REPORTED: DoubtSource = { doubtsOf: () => NO_DOUBTS, takeChanged: () => [] };

/**
 * Publishes immutable snapshots. A writer only marks the changed relay. The next reader gets a
 * snapshot with those rows replaced, at the cost of the changed rows and a shallow copy of the
 * list. Readers of an older snapshot keep it. Only the directory's event loop calls it.
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

  /** Returns the newest snapshot; the same object if nothing has changed. */
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

/** Built member by member: a spread would give each row a hidden class of its own. */
function rowOf(
  { record, load, draining, confirmed, registry }: RelayState,
  doubts: RelayDoubts,
): LiveRelay {
  return { record, load, draining, confirmed, registry, doubts };
}
