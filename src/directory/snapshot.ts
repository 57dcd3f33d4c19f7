import type { RelayLoad, RelayRecord, RelaySite } from '../registry/types.js';
import { NO_DOUBTS, type RelayDoubts } from '../selection/doubts.js';

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
  /** Sequence number of that registry; 0 without one. */
  readonly registrySequence: number;
  /** Sequence number of the first registry that holds its record; infinity if none does yet. */
  readonly recordSequence: number;
}

/** A row of a snapshot. It is immutable: snapshots share unchanged rows. */
export interface LiveRelay extends RelayState {
  /** Reports about it and by it. */
  readonly doubts: RelayDoubts;
}

/** All live relays at one moment. */
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

/** Called with each relay whose row was replaced, and undefined for one that is gone. */
export type RowListener = (id: string, row: LiveRelay | undefined) => void;

/**
 * Publishes immutable lists of the live relays. A writer only marks the changed relay. The next
 * reader gets a list with those rows replaced, at the cost of the changed rows and a shallow copy.
 * Readers of an older list keep it. Only the directory's event loop calls it.
 */
export class Snapshots {
  readonly #states: RelayStates;
  readonly #doubts: DoubtSource;
  readonly #rows = new Map<string, LiveRelay>();
  readonly #listeners: RowListener[] = [];
  #isCurrent = true;
  #current: Snapshot = { number: 0, relays: [] };

  constructor(states: RelayStates, doubts: DoubtSource = NOTHING_REPORTED) {
    this.#states = states;
    this.#doubts = doubts;
  }

  /** Has a function called with each changed row, once `update` or `current` is called. */
  onRow(listener: RowListener): void {
    this.#listeners.push(listener);
  }

  /** Takes all changes, at the cost of the changed rows. */
  update(): void {
    for (const changes of [this.#states.takeChanged(), this.#doubts.takeChanged()]) {
      for (const id of changes) this.#replace(id);
    }
  }

  /** Returns the newest list; the same object if nothing has changed. */
  current(): Snapshot {
    this.update();
    if (this.#isCurrent) return this.#current;
    this.#isCurrent = true;
    this.#current = { number: this.#current.number + 1, relays: [...this.#rows.values()] };
    return this.#current;
  }

  #replace(id: string): void {
    const state = this.#states.stateOf(id);
    const row = state && rowOf(state, this.#doubts.doubtsOf(state.record));
    if (row === undefined) this.#rows.delete(id);
    else this.#rows.set(id, row);
    this.#isCurrent = false;
    for (const listener of this.#listeners) listener(id, row);
  }
}

/** Built member by member: a spread would give each row a hidden class of its own. */
function rowOf(state: RelayState, doubts: RelayDoubts): LiveRelay {
  const { record, site, load, draining, confirmed, registry } = state;
  const { registrySequence, recordSequence } = state;
  return {
    record,
    site,
    load,
    draining,
    confirmed,
    registry,
    registrySequence,
    recordSequence,
    doubts,
  };
}
