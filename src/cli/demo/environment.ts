import type { DemoEvent, PeerReport, Side } from './events.js';

/** What a peer of the demo is told. */
export interface DemoPeerSettings {
  readonly directoryUrl: string;
  readonly apiKey: string;
  readonly room: string;
  /** The region whose relay it should get. */
  readonly region: string;
}

/** What a peer that is to be run is given. */
export interface PeerRun {
  readonly report: (report: PeerReport) => void;
  /** Ends the traffic; the peer then closes its connection and reports `finished`. */
  readonly stop: AbortSignal;
}

/** Where a demo runs: it owns the directory, the relays and what the peers run in. */
export interface Environment {
  /** Opens the network, the directory and the relays, and shows each. */
  open(show: (event: DemoEvent) => void): Promise<void>;
  /** Resolves when the peer has finished; rejects when it could not. */
  runPeer(side: Side, run: PeerRun): Promise<void>;
  /** Rejects when the directory or a relay ends by itself. */
  readonly broken: Promise<never>;
  /** Leaves nothing behind. May be called at any time, `open` under way or not. */
  close(): Promise<void>;
}

/** Regions and relay ids by the side that they are for. */
export const PLACES: Readonly<Record<Side, { readonly region: string; readonly relay: string }>> = {
  A: { region: 'west', relay: 'relay-a' },
  B: { region: 'east', relay: 'relay-b' },
};
