import type { TransportAddress } from '../../src/address.js';
import type { TrafficCounts } from '../../src/cli/demo/events.js';
import type { ConnectionGrant, PeerHints } from '../../src/client/index.js';
import type { RemoteFailure } from '../lab/rpc.js';

/** Where the directory is, as a peer is told. */
export interface DirectorySettings {
  readonly directoryUrl: string;
  readonly apiKey: string;
}

/** What a peer of the agent's knows of its connection. */
export interface PeerFacts {
  /** The agent's number for it. */
  readonly peer: number;
  readonly relayId: string;
  readonly relay: TransportAddress;
  readonly local: TransportAddress;
  readonly mapped: TransportAddress;
}

/** Traffic of the demo's kind, on some of the agent's peers. */
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

/** The messages of one direction: equal on both sides where all arrived, intact and in order. */
export interface Speech {
  readonly messages: number;
  readonly digest: string;
}

/** What a `peer-agent` can be asked. */
export type PeerMethods = {
  /** Meets another peer in a room. */
  join(
    params: DirectorySettings & { readonly room: string; readonly hints: PeerHints },
  ): Promise<PeerFacts>;
  /** The ids of the relays that may be chosen. */
  relays(params: DirectorySettings): Promise<string[]>;
  /** Asks the directory for connections, as an application with signalling of its own. */
  create(
    params: DirectorySettings & {
      readonly count: number;
      readonly hints: readonly [PeerHints, PeerHints];
    },
  ): Promise<(readonly [ConnectionGrant, ConnectionGrant])[]>;
  /** Allocates all of them at once. */
  open(params: { readonly grants: readonly ConnectionGrant[] }): Promise<PeerFacts[]>;
  /** Connects all of them at once. */
  connect(params: {
    readonly peers: readonly { readonly peer: number; readonly peerAddress: TransportAddress }[];
  }): Promise<void>;
  /** Begins to send, and to answer the other side. */
  flow(params: FlowSettings): void;
  /** Resolves when each of the peers has sent this many packets; they send no more then. */
  sendOut(params: { readonly peers: readonly number[]; readonly packets: number }): Promise<void>;
  /** Stops sending. */
  halt(params: { readonly peers: readonly number[] }): void;
  counts(params: { readonly peers: readonly number[] }): TrafficCounts[];
  /** Sends messages of random bytes, one of each peer in turn; tells all that was sent so far. */
  say(params: SpeechSettings): Promise<Speech[]>;
  /** All messages that arrived so far. */
  heard(params: { readonly peers: readonly number[] }): Speech[];
  close(params: { readonly peers: readonly number[] }): Promise<void>;
};

/** A peer's connection ended. */
export interface PeerClosed {
  readonly peer: number;
  readonly failure: RemoteFailure | null;
}
