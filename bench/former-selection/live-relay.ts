import type { RelayLoad, RelayRecord } from '../../src/registry/types.js';
import type { RelayDoubts } from '../../src/selection/doubts.js';

/** A relay as the former selection read it. */
export interface LiveRelay {
  readonly record: RelayRecord;
  readonly load: Pick<RelayLoad, 'legs' | 'legsMax' | 'cpu' | 'turn'>;
  readonly draining: boolean;
  readonly confirmed: boolean;
  readonly registry: { holds(record: RelayRecord): boolean } | undefined;
  readonly doubts: RelayDoubts;
}

/** All relays at one moment. */
export interface Snapshot {
  readonly number: number;
  readonly relays: readonly LiveRelay[];
}
