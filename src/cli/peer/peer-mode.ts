import type { TransportAddress } from '../../address.js';

/** Payloads of the other mode, and none of this one, that show a mistake. */
export const FOREIGN_FRAMES_MAX = 3;

/** A mistake of both sides ends this one so much later, for the other to learn it. */
export const MISTAKE_LINGER_MS = 1_500;

/** Pings over the path are this far apart. */
export const PING_MS = 1_000;

/** One established connection, as the modes of `turnpike peer` see it. */
export interface Link {
  /** 32 hex digits. */
  readonly connectionId: string;
  readonly role: 0 | 1;
  /** The relay that this peer talks to, and the other's address. */
  readonly relay: { readonly id: string; readonly region: string };
  readonly peerRelay: TransportAddress;
  /** This peer's address as its relay sees it, and the other's. */
  readonly natAddress: TransportAddress;
  readonly peerNatAddress: TransportAddress;
  readonly payloadBytesMax: number;
  /** Sends one payload; what the host cannot take now is lost, as a datagram may be. */
  send(payload: Uint8Array): void;
}

/** What has gone over the path, counted since the command began. */
export interface Traffic {
  /** Round trip between the two peers, ms. */
  readonly rttMs: number | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Messages that should have come and that came. */
  readonly expectedIn: number;
  readonly receivedIn: number;
  /** Messages sent and, as far as the other side told, lost. */
  readonly expectedOut: number;
  readonly receivedOut: number;
  /** Bad input by name, such as `oversized`: counted, never fatal. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** What a peer does with its path: a byte stream, or a local UDP port. It outlives connections. */
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

/** Counts by name, for `Traffic.dropped`. */
export class Counts {
  readonly #counts: Record<string, number> = {};

  add(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  get all(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }
}
