import type { TransportAddress } from '../../src/address.js';
import type { TrafficCounts } from '../../src/cli/demo/events.js';
import type { ConnectionGrant, PeerHints } from '../../src/client/index.js';
import type { LegQuality } from '../../src/stun/leg-quality.js';
import type { RemoteFailure } from '../lab/rpc.js';

/** How a peer reaches the directory. */
export interface DirectorySettings {
  readonly directoryUrl: string;
  readonly apiKey: string;
}

/** Facts of one of the agent's peers. */
export interface PeerFacts {
  /** The agent's number of the peer. */
  readonly peer: number;
  readonly connectionId: string;
  readonly relayId: string;
  readonly relay: TransportAddress;
  readonly local: TransportAddress;
  readonly mapped: TransportAddress;
}

/** Traffic as in the demo, on some of the agent's peers. */
export interface FlowSettings {
  readonly peers: readonly number[];
  readonly packetsPerSecond: number;
  readonly payloadBytes: number;
  readonly pingIntervalMs: number;
}

/** Messages on some of the agent's peers. */
export interface SpeechSettings {
  readonly peers: readonly number[];
  readonly messages: number;
  readonly payloadBytes: number;
}

/** A digest of one direction's messages: equal on both sides if all arrived intact in order. */
export interface Speech {
  readonly messages: number;
  readonly digest: string;
}

/** The methods of a `peer-agent`. */
export type PeerMethods = {
  /** Joins a room, and resolves when the peer is connected. */
  join(
    params: DirectorySettings & { readonly room: string; readonly hints: PeerHints },
  ): Promise<PeerFacts>;
  /** Returns the ids of the listed relays. */
  relays(params: DirectorySettings): Promise<string[]>;
  /** Creates connections at the directory, as an application with its own signalling does. */
  create(
    params: DirectorySettings & {
      readonly count: number;
      readonly hints: readonly [PeerHints, PeerHints];
    },
  ): Promise<(readonly [ConnectionGrant, ConnectionGrant])[]>;
  /** Opens peers for all grants at once. */
  open(params: { readonly grants: readonly ConnectionGrant[] }): Promise<PeerFacts[]>;
  /** Connects all peers at once. */
  connect(params: {
    readonly peers: readonly { readonly peer: number; readonly peerAddress: TransportAddress }[];
  }): Promise<void>;
  /** Starts to send, and to answer pings of the other peers. */
  flow(params: FlowSettings): void;
  /** Waits until each peer has sent this many packets, and stops it. */
  sendOut(params: { readonly peers: readonly number[]; readonly packets: number }): Promise<void>;
  /** Stops sending. */
  halt(params: { readonly peers: readonly number[] }): void;
  counts(params: { readonly peers: readonly number[] }): TrafficCounts[];
  /** Sends messages of random bytes, the peers in turn. @returns all that was sent so far */
  say(params: SpeechSettings): Promise<Speech[]>;
  /** Returns all messages that have arrived so far. */
  heard(params: { readonly peers: readonly number[] }): Speech[];
  /** From now on all peers tell their relays this of their legs, whatever they measure. */
  claim(quality: LegQuality): void;
  close(params: { readonly peers: readonly number[] }): Promise<void>;
};

/** Event: a peer's connection has ended. */
export interface PeerClosed {
  readonly peer: number;
  readonly failure: RemoteFailure | null;
}
