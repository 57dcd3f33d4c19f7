import type { Flood } from './flood.js';
import type { VictimWindow } from './victim.js';

/** One measurement of a service. */
export interface Window {
  readonly seconds: number;
  readonly victim: VictimWindow;
  /** Peak resident memory of the attacked process. */
  readonly peakBytes: number;
  /** CPU time of the attacked process as a share of one CPU. */
  readonly cpuShare: number;
  /** Bytes of payload that the attacker sent and received. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Bytes that the attacked relay sent on the trunk, including genuine users' traffic. */
  readonly trunkBytes: number;
}

/** A measurement without a flood, and one with it. */
export interface FloodResult extends Pick<Flood, 'name' | 'title' | 'attacked'> {
  /** Whether the attacked process ended. */
  readonly died: boolean;
  readonly quiet: Window;
  readonly flooded: Window;
}

/** Returns the bytes sent because of each byte of a flood: to the attacker, and on the trunk. */
export function amplification({ quiet, flooded }: FloodResult): {
  readonly answers: number;
  readonly trunk: number;
} {
  const sent = Math.max(1, flooded.sentBytes);
  const trunk = Math.max(
    0,
    flooded.trunkBytes - quiet.trunkBytes * (flooded.seconds / quiet.seconds),
  );
  return { answers: flooded.receivedBytes / sent, trunk: trunk / sent };
}
