import type { SelectionRequest } from '../selection/request.js';

/** Maximum selections that are remembered for explanation. */
export const RECENT_SELECTIONS_MAX = 4_096;

/** What a selection can be made again from. */
export interface RecentSelection {
  /** 32 lower-case hex digits. */
  readonly connectionId: string;
  readonly tenant: string;
  /** Number of the snapshot that it read. */
  readonly snapshot: number;
  readonly seed: number;
  /** Undefined once the snapshot is gone: what peers told is kept no longer than that. */
  readonly request: SelectionRequest | undefined;
}

/**
 * The last selections, by connection. Of the oldest ones only the identifier and the snapshot's
 * number are left.
 */
export class RecentSelections {
  /** By connection, the oldest first. */
  readonly #known = new Map<string, RecentSelection>();

  /** Adds a selection; of more than `RECENT_SELECTIONS_MAX` the oldest is forgotten. */
  add(selection: RecentSelection): void {
    this.#known.set(selection.connectionId, selection);
    if (this.#known.size <= RECENT_SELECTIONS_MAX) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  /** Returns the selection of a connection; undefined for an unknown one. */
  find(connectionId: string): RecentSelection | undefined {
    return this.#known.get(connectionId);
  }

  /** Forgets what was asked for where the snapshot is gone. To be called a few times a second. */
  sweep(isKept: (snapshot: number) => boolean): void {
    for (const [id, selection] of this.#known) {
      if (selection.request === undefined) continue;
      // Snapshots go in their order, and later selections read later ones.
      if (isKept(selection.snapshot)) return;
      this.#known.set(id, { ...selection, request: undefined });
    }
  }
}
