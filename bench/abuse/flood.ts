import type { TransportAddress } from '../../src/address.js';

/** The addresses that a flood may be sent to. */
export interface Target {
  readonly directoryUrl: string;
  /** The attacked relay, then the other one. */
  readonly relays: readonly [TargetRelay, TargetRelay];
}

/** The addresses of one relay. */
export interface TargetRelay {
  readonly service: TransportAddress;
  readonly trunk: TransportAddress;
  readonly httpUrl: string;
}

/** Bytes of payload that an attacker has sent and received. */
export interface Tally {
  readonly sent: number;
  readonly received: number;
}

/** A flood under way. */
export interface Attack {
  tally(): Tally;
  /** Stops it and closes its sockets. */
  end(): Promise<void>;
}

/** A kind of abuse. */
export interface Flood {
  readonly name: string;
  /** Description of the traffic, one line. */
  readonly title: string;
  /** The process whose memory and CPU time are reported. */
  readonly attacked: 'relay' | 'directory';
  /** Whether `--quick` runs it. */
  readonly quick?: boolean;
  /**
   * Starts the flood.
   * @param level - share of its full rate or number of connections, up to 1
   */
  begin(target: Target, level: number): Promise<Attack>;
}
