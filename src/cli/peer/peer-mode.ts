import type { TransportAddress } from '../../address.js';
import type { Path, Traffic } from '../../stream/path.js';

/** One established connection, as the modes of `turnpike peer` and its log see it. */
export interface Link extends Path {
  /** The relay that this peer talks to, and the other's address. */
  readonly relay: { readonly id: string; readonly region: string };
  readonly peerRelay: TransportAddress;
  /** This peer's address as its relay sees it, and the other's. */
  readonly natAddress: TransportAddress;
  readonly peerNatAddress: TransportAddress;
}

/** What a peer does with its path: a byte stream, or a UDP tunnel. It outlives connections. */
export interface PeerMode {
  /** A connection is there. */
  attach(link: Link): void;
  /** It is gone. */
  detach(): void;
  receive(payload: Uint8Array): void;
  /** Monotonic ms at which anything genuine was last heard; -Infinity before. */
  readonly lastHeardMs: number;
  /** Resolves with the exit code when there is nothing left to do; rejects when it cannot go on. */
  readonly finished: Promise<number>;
  traffic(): Traffic;
  /** A signal ends the command: tells the other side and gives the exit code. */
  interrupt(signal: string): number;
  /** Gives sockets and streams back. */
  close(): Promise<void>;
}
