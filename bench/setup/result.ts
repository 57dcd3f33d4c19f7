import type { FlowWindow } from './flow.js';
import type { Memory } from './usage.js';
import type { WindowedResult } from './windowed.js';

/** Both legs of a connection at one relay, or at two with a trunk between them. */
export type Arrangement = 'same-relay' | 'two-relays';

/** Options of a measurement. */
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
  /** For each round of expiry, the number of connections that expire at once. */
  readonly expiries: readonly number[];
  /** Further options for the relays' Node, such as `--cpu-prof`. */
  readonly relayNodeOptions: readonly string[];
}

/** CPU time of one relay for each connection that succeeded. */
export interface RelayCost {
  readonly id: string;
  /** CPU time of the main thread. */
  readonly controlUsPerConnection: number;
  /** CPU time of all threads, including the forwarding of the flow. */
  readonly processUsPerConnection: number;
  /** Maximum delay of the control thread's event loop. */
  readonly stallMs: number;
  /** Datagrams of the flow or the load that the relay's sockets dropped. */
  readonly socketDrops: number;
}

/**
 * The set-up, close or expiry of many connections, with the flow meanwhile. Rates and costs count
 * only connections with which it succeeded, because a refusal is quick and holds no memory.
 */
export interface Phase {
  readonly seconds: number;
  readonly perSecond: number;
  readonly relays: readonly RelayCost[];
  readonly flow: FlowWindow;
}

/** A round of connections that expired at once. */
export interface Expiry extends Phase {
  /** Number of established connections. */
  readonly connections: number;
  /** Number of connections that could not be established. */
  readonly failed: number;
}

/** One relay's memory before the set-ups, after them, and after the closes. */
export interface RelayMemory {
  readonly id: string;
  readonly before: Memory;
  readonly established: Memory;
  readonly closed: Memory;
  /** Memory that each established connection adds. */
  readonly perConnection: Memory;
}

/** The result of `measureSetup`, as written in JSON. */
export interface SetupResult {
  readonly options: SetupOptions;
  /** The flow alone. */
  readonly idle: FlowWindow;
  readonly setUp: Phase & WindowedResult;
  readonly close: Phase & WindowedResult;
  readonly expiries: readonly Expiry[];
  readonly memory: readonly RelayMemory[];
}
