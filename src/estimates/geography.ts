/** A place on the earth in degrees: latitude north, longitude east. */
export type Location = readonly [latitude: number, longitude: number];

/** A place as a vector of length 1 from the centre of the earth. */
export type UnitVector = readonly [x: number, y: number, z: number];

const EARTH_RADIUS_KM = 6_371;

/**
 * Kilometres of great circle that light in fibre covers in 1 ms of round-trip time: half of
 * 299.8 km/ms by the refractive index of 1.47.
 */
export const FIBRE_RTT_KM_PER_MS = 102;

/** Distance by which the true place of a relay or a network may differ from the declared one. */
const PLACE_SLACK_KM = 200;

/**
 * Median round-trip times (ms) at distances (km) between 243 cities over the public Internet, from
 * the middle of each band of distance: WonderProxy, "A day in the life of the Internet",
 * 2020-10-28.
 */
const USUAL_KM = [0, 275, 1_000, 2_750, 6_000, 10_000, 15_000, 20_040];
const USUAL_MS = [1, 12.5, 31, 66, 108, 187, 270, 360];

/**
 * Returns the vector of a place.
 * @param location - degrees
 */
export function unitVector([latitude, longitude]: Location): UnitVector {
  const [phi, lambda] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
  return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)];
}

/** Returns the place of a vector, which need not have length 1; undefined if it has length 0. */
export function locationOf([x, y, z]: UnitVector): Location | undefined {
  const length = Math.hypot(x, y, z);
  if (length < 1e-9) return undefined;
  const degrees = (radians: number) => (radians * 180) / Math.PI;
  return [degrees(Math.asin(z / length)), degrees(Math.atan2(y, x))];
}

/** Returns the great-circle distance of two places, km. */
export function distanceKm(a: UnitVector, b: UnitVector): number {
  const cosine = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  return EARTH_RADIUS_KM * Math.acos(Math.max(-1, Math.min(1, cosine)));
}

/** Returns the least round-trip time that light in fibre allows over a distance, ms. */
export function lightRttMs(km: number): number {
  return Math.max(0, km - PLACE_SLACK_KM) / FIBRE_RTT_KM_PER_MS;
}

/** Returns the usual round-trip time over the public Internet by distance, ms. */
export function usualRttMs(km: number): number {
  let i = 1;
  while (i < USUAL_KM.length - 1 && (USUAL_KM[i] ?? 0) < km) i += 1;
  const [fromKm, fromMs] = [USUAL_KM[i - 1] ?? 0, USUAL_MS[i - 1] ?? 0];
  const share = Math.min(1, (km - fromKm) / ((USUAL_KM[i] ?? 0) - fromKm));
  return fromMs + ((USUAL_MS[i] ?? 0) - fromMs) * share;
}
