import type { FlowWindow } from './flow.js';
import type { Memory } from './usage.js';
import type { WindowedResult } from './windowed.js';

/** Both legs at one relay, or each at its own with the trunk between them. */
export type Arrangement = 'same-relay' | 'two-relays';

/** What to measure. */
export interface SetupOptions {
  readonly arrangement: Arrangement;
  /** Connections to set up. */
  readonly connections: number;
  /** Set-ups under way at once. */
  readonly window: number;
  /** Data-plane threads of each relay. */
  readonly workers: number;
  /** Rate of the flow that runs meanwhile. */
  readonly flowPacketsPerSecond: number;
  /** Rounds of so many connections to let expire at once; none to leave expiry out. */
  readonly expiries: readonly number[];
  /** More options for the relays' Node, such as `--cpu-prof`. */
  readonly relayNodeOptions: readonly string[];
}

/** What one relay spent for each connection that succeeded. */
export interface RelayCost {
  readonly id: string;
  /** The main thread's processor time. */
  readonly controlUsPerConnection: number;
  /** All threads', the steady flow's forwarding included. */
  readonly processUsPerConnection: number;
  /** Longest time that the control thread did not look up. */
  readonly stallMs: number;
  /** Datagrams that the relay's sockets dropped, of the flow or of the load. */
  readonly socketDrops: number;
}

/**
 * Something done to many connections, and what it did to the flow. Rates and costs are for each
 * connection that it succeeded with: a relay that refuses is quick, and holds nothing.
 */
export interface Phase {
  readonly seconds: number;
  readonly perSecond: number;
  readonly relays: readonly RelayCost[];
  readonly flow: FlowWindow;
}

/** A round of connections that expired at once. */
export interface Expiry extends Phase {
  /** Those that were established, and so could expire. */
  readonly connections: number;
  /** Those that were not. */
  readonly failed: number;
}

/** One relay's memory. */
export interface RelayMemory {
  readonly id: string;
  readonly before: Memory;
  readonly established: Memory;
  readonly closed: Memory;
  /** What an established connection has added to each. */
  readonly perConnection: Memory;
}

/** All that `measureSetup` finds; can be written as JSON. */
export interface SetupResult {
  readonly options: SetupOptions;
  /** The flow alone. */
  readonly idle: FlowWindow;
  readonly setUp: Phase & WindowedResult;
  readonly close: Phase & WindowedResult;
  readonly expiries: readonly Expiry[];
  readonly memory: readonly RelayMemory[];
}
