import { Compile } from 'typebox/compile';
import { MEASUREMENT_LIMITS } from './measurement-limits.js';
import { LegMeasurementShape, TrunkMeasurementShape } from './schemas.js';
import type { LegMeasurement, Measurements, TrunkMeasurement } from './types.js';

export type MeasurementKind = 'trunk' | 'leg';

/** The usable measurements of a beat, and how many of each kind are not. */
export interface DecodedMeasurements extends Measurements {
  readonly malformed: Readonly<Record<MeasurementKind, number>>;
  /** Those beyond `MEASUREMENT_LIMITS.entriesMax`. */
  readonly excess: Readonly<Record<MeasurementKind, number>>;
}

const TRUNK_SHAPE = Compile(TrunkMeasurementShape);
const LEG_SHAPE = Compile(LegMeasurementShape);

const NOTHING: DecodedMeasurements = {
  trunk: [],
  legs: [],
  malformed: { trunk: 0, leg: 0 },
  excess: { trunk: 0, leg: 0 },
};

/**
 * Reads the measurements of a beat entry by entry, so that a wrong one costs no other.
 * @param value - the member of the beat: `{"trunk":[…],"legs":[…]}`; undefined for none
 */
export function decodeMeasurements(value: unknown): DecodedMeasurements {
  if (typeof value !== 'object' || value === null) return NOTHING;
  const members = value as { readonly trunk?: unknown; readonly legs?: unknown };
  const trunk = decodeList<TrunkMeasurement>(members.trunk, TRUNK_SHAPE);
  const legs = decodeList<LegMeasurement>(members.legs, LEG_SHAPE);
  return {
    trunk: trunk.taken,
    legs: legs.taken,
    malformed: { trunk: trunk.malformed, leg: legs.malformed },
    excess: { trunk: trunk.excess, leg: legs.excess },
  };
}

function decodeList<T>(value: unknown, shape: { Check(value: unknown): boolean }) {
  if (value === undefined) return { taken: [], malformed: 0, excess: 0 };
  if (!Array.isArray(value)) return { taken: [], malformed: 1, excess: 0 };
  const read = value.slice(0, MEASUREMENT_LIMITS.entriesMax);
  const taken = read.filter((each): each is T => shape.Check(each));
  return { taken, malformed: read.length - taken.length, excess: value.length - read.length };
}
