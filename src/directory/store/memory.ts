import type {
  ClaimResult,
  ReachabilityReport,
  RelayLoad,
  RelayRecord,
} from '../../registry/types.js';
import type { RelayBeat } from '../relay-table.js';

/** Something that a directory has accepted from a relay and that every directory should know. */
export type RelayFact =
  | {
      readonly kind: 'registered';
      readonly record: RelayRecord;
      readonly load: RelayLoad;
      readonly draining: boolean;
      /** Whether it has proved to be at addresses that others claim. */
      readonly proved: boolean;
      /** Left out by a relay that does not say what it cannot reach. */
      readonly reachability?: ReachabilityReport | undefined;
      /** Left out by a relay that makes no challenges. */
      readonly claims?: readonly ClaimResult[] | undefined;
    }
  | { readonly kind: 'beat'; readonly beat: RelayBeat }
  | { readonly kind: 'deregistered'; readonly id: string };

/**
 * What spreads facts among the directories of a cluster. Facts are soft: one that is lost is said
 * again by the next beat, so `publish` neither waits nor fails.
 */
export interface Store {
  /** Begins to deliver facts, this directory's own ones too. */
  open(apply: (fact: RelayFact) => void): Promise<void>;
  publish(fact: RelayFact): void;
  close(): Promise<void>;
}

/** The store of a directory that is alone: what it publishes, it is told at once. */
export class MemoryStore implements Store {
  #apply: ((fact: RelayFact) => void) | undefined;

  async open(apply: (fact: RelayFact) => void): Promise<void> {
    this.#apply = apply;
  }

  publish(fact: RelayFact): void {
    this.#apply?.(fact);
  }

  async close(): Promise<void> {
    this.#apply = undefined;
  }
}
