import type { TransportAddress } from '../../src/address.js';

/** What a flood may aim at. */
export interface Target {
  readonly directoryUrl: string;
  /** The attacked relay, then the other one. */
  readonly relays: readonly [TargetRelay, TargetRelay];
}

export interface TargetRelay {
  readonly service: TransportAddress;
  readonly trunk: TransportAddress;
  readonly httpUrl: string;
}

/** What an attacker sent and what came back to it, bytes of payload. */
export interface Tally {
  readonly sent: number;
  readonly received: number;
}

/** A flood under way. */
export interface Attack {
  tally(): Tally;
  /** Ends it and frees what it holds. */
  end(): Promise<void>;
}

/** One kind of abuse. */
export interface Flood {
  readonly name: string;
  /** What is sent, in a line. */
  readonly title: string;
  /** Whose memory and processor time are shown. */
  readonly attacked: 'relay' | 'directory';
  /** One of those that a quick run makes. */
  readonly quick?: boolean;
  /**
   * @param level - share of the whole flood, up to 1: what is counted a second, or held
   */
  begin(target: Target, level: number): Promise<Attack>;
}
