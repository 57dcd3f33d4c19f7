import { readU16, writeU16 } from './bytes.js';

/**
 * What a peer has measured of the path to its relay and back since its last answered Refresh
 * (LEG-QUALITY, PROTOCOL.md section 2). It is the peer's claim.
 */
export interface LegQuality {
  /** Round trip, ms, 0 to 6,553.5. */
  readonly rttMs: number;
  /** Mean absolute difference of successive round trips, ms, 0 to 6,553.5. */
  readonly jitterMs: number;
  /** Share of requests of which the first transmission got no answer, 0 to 1. */
  readonly loss: number;
  /** Number of round trips measured, 1 to 65,535. */
  readonly count: number;
}

/** Length of LEG-QUALITY, bytes. */
const LEG_QUALITY_BYTES = 8;

/** Highest value of each of its four fields. */
const FIELD_MAX = 0xffff;

/**
 * Encodes LEG-QUALITY (PROTOCOL.md section 2): RTT and jitter in 0.1 ms, loss in 1/65535, number of
 * round trips; 16 bits each. A value beyond its field becomes the nearest that the field has.
 * @param quality - `count` at least 1
 * @returns the value of the attribute
 */
export function encodeLegQuality({ rttMs, jitterMs, loss, count }: LegQuality): Uint8Array {
  const value = new Uint8Array(LEG_QUALITY_BYTES);
  writeU16(value, 0, field(rttMs * 10));
  writeU16(value, 2, field(jitterMs * 10));
  writeU16(value, 4, field(loss * FIELD_MAX));
  writeU16(value, 6, Math.max(1, field(count)));
  return value;
}

/**
 * Decodes LEG-QUALITY.
 * @param value - of the attribute
 * @returns undefined if it does not have 8 bytes, or tells of no round trip
 */
export function decodeLegQuality(value: Uint8Array): LegQuality | undefined {
  if (value.length !== LEG_QUALITY_BYTES) return undefined;
  const count = readU16(value, 6);
  if (count === 0) return undefined;
  return {
    rttMs: readU16(value, 0) / 10,
    jitterMs: readU16(value, 2) / 10,
    loss: readU16(value, 4) / FIELD_MAX,
    count,
  };
}

/** Rounds a number to what a field has. */
function field(value: number): number {
  return Math.min(FIELD_MAX, Math.max(0, Math.round(value)));
}
