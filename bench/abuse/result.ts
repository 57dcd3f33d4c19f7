import type { Flood } from './flood.js';
import type { VictimWindow } from './victim.js';

/** What was seen for a while. */
export interface Window {
  readonly seconds: number;
  readonly victim: VictimWindow;
  /** Of the attacked process: most resident memory, and share of a CPU. */
  readonly peakBytes: number;
  readonly cpuShare: number;
  /** Of the attacker, bytes of payload. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** What the attacked relay sent to the other one, the victim's included. */
  readonly trunkBytes: number;
}

/** A flood beside the same time without it. */
export interface FloodResult extends Pick<Flood, 'name' | 'title' | 'attacked'> {
  /** Whether the attacked process ended. */
  readonly died: boolean;
  readonly quiet: Window;
  readonly flooded: Window;
}

/** Bytes that the flood got sent for each that it sent: to itself, and on the trunk. */
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
