import type { TransportAddress } from '../../address.js';
import type { Path, Traffic } from '../../stream/path.js';

/** An established connection of `turnpike peer`. */
export interface Link extends Path {
  /** This side's relay, and the address of the other side's. */
  readonly relay: { readonly id: string; readonly region: string };
  readonly peerRelay: TransportAddress;
  /** The two peers' addresses as their relays see them. */
  readonly natAddress: TransportAddress;
  readonly peerNatAddress: TransportAddress;
}

/** What `turnpike peer` carries: a byte stream or UDP. It outlives connections. */
export interface PeerMode {
  /** Notes an established connection. */
  attach(link: Link): void;
  /** Notes the end of the connection. */
  detach(): void;
  receive(payload: Uint8Array): void;
  /** Monotonic ms of the last authentic message; -Infinity before the first. */
  readonly lastHeardMs: number;
  /** Resolves with the exit code when everything is done; rejects when the mode fails. */
  readonly finished: Promise<number>;
  traffic(): Traffic;
  /** Tells the other side that a signal ends the command, and returns the exit code. */
  interrupt(signal: string): number;
  /** Closes sockets and streams. */
  close(): Promise<void>;
}
