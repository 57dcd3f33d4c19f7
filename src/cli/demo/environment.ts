import type { DemoEvent, PeerReport, Side } from './events.js';

/** What a peer of the demo needs to connect. */
export interface DemoPeerSettings {
  readonly directoryUrl: string;
  readonly apiKey: string;
  readonly side: Side;
}

/** What a peer of the demo reports to, and what ends it. */
export interface PeerRun {
  readonly report: (report: PeerReport) => void;
  /** Ends the traffic; the peer then closes its connection and reports `finished`. */
  readonly stop: AbortSignal;
}

/** The directory, the relays, and the network that the peers run in. */
export interface Environment {
  /** Opens the network, the directory and the relays, and shows each. */
  open(show: (event: DemoEvent) => void): Promise<void>;
  /** Resolves when the peer has finished; rejects when it fails. */
  runPeer(side: Side, run: PeerRun): Promise<void>;
  /** Rejects when the directory or a relay ends by itself. */
  readonly broken: Promise<never>;
  /** Closes everything. May be called at any time, also during `open`. */
  close(): Promise<void>;
}

/** The relay nearest to the peer of each side. */
export const RELAYS_BY_SIDE: Readonly<
  Record<Side, { readonly id: string; readonly region: string }>
> = {
  A: { id: 'relay-a', region: 'west' },
  B: { id: 'relay-b', region: 'east' },
};
