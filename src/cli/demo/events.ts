import type { TurnpikeErrorCode } from '../../errors.js';
import type { NatBehaviour } from '../../lab/index.js';

/** The demo's two peers. */
export type Side = 'A' | 'B';

/** The traffic of a peer since its connection was established. */
export interface TrafficCounts {
  /** Milliseconds since the traffic began. */
  readonly elapsedMs: number;
  readonly sentPackets: number;
  readonly receivedPackets: number;
  /** Payload bytes. */
  readonly receivedBytes: number;
  /** Packets with lower numbers than the highest received one that have not arrived. */
  readonly missingPackets: number;
  /** Median round trip since the last count, peer to peer; null when no echo came. */
  readonly rttMs: number | null;
}

/** A step of one peer, in the order in which they happen. */
export type PeerStep =
  | { readonly event: 'waiting' }
  | {
      readonly event: 'answer';
      readonly connectionId: string;
      readonly relayId: string;
      readonly relay: string;
    }
  | { readonly event: 'nat-address'; readonly address: string }
  | { readonly event: 'connect'; readonly peerAddress: string }
  | { readonly event: 'established'; readonly local: string; readonly elapsedMs: number };

/** A report of a running peer. */
export type PeerReport =
  | PeerStep
  | { readonly event: 'counts' | 'finished'; readonly counts: TrafficCounts };

/** The last report of a peer process that fails. */
export interface PeerFailure {
  readonly event: 'failed';
  readonly code: TurnpikeErrorCode;
  readonly message: string;
}

/** One direction of the traffic during a second. */
export interface DirectionRates {
  /** Of payload. */
  readonly mbitPerSecond: number;
  readonly packetsPerSecond: number;
  /** Share of packets that did not arrive, 0 to 1. */
  readonly loss: number;
}

/** One direction of the traffic, from the first packet to the last. */
export interface DirectionTotals {
  readonly sentPackets: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  readonly loss: number;
}

/** An event that the demo shows; with `--json`, one object a line. */
export type DemoEvent =
  | { readonly event: 'started'; readonly nat: NatBehaviour | null }
  | { readonly event: 'network'; readonly hosts: number; readonly elapsedMs: number }
  | { readonly event: 'directory'; readonly url: string }
  | {
      readonly event: 'relay';
      readonly id: string;
      readonly service: string;
      readonly trunk: string;
    }
  | ({ readonly peer: Side } & PeerStep)
  | {
      readonly event: 'traffic';
      readonly second: number;
      readonly aToB: DirectionRates;
      readonly bToA: DirectionRates;
      /** Mean of the two peers' medians. */
      readonly rttMs: number | null;
    }
  | {
      readonly event: 'summary';
      readonly seconds: number;
      readonly aToB: DirectionTotals;
      readonly bToA: DirectionTotals;
    }
  | {
      readonly event: 'failed';
      readonly step: string;
      readonly code: string;
      readonly message: string;
    };
