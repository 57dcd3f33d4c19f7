/** Geography on a sphere. */

/** A point on the Earth. */
export interface Place {
  /** Degrees north. */
  readonly latitude: number;
  /** Degrees east. */
  readonly longitude: number;
}

export type Continent = 'NA' | 'SA' | 'EU' | 'AF' | 'AS' | 'OC';

const EARTH_RADIUS_KM = 6_371;
const LIGHT_KM_PER_MS = 299.792;
const RADIANS = Math.PI / 180;

/** Returns the great-circle distance, km. */
export function distanceKm(a: Place, b: Place): number {
  const half = (degrees: number) => Math.sin((degrees * RADIANS) / 2) ** 2;
  const across = Math.cos(a.latitude * RADIANS) * Math.cos(b.latitude * RADIANS);
  const chord = half(b.latitude - a.latitude) + across * half(b.longitude - a.longitude);
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(Math.min(1, chord)));
}

/** Returns the round trip of light in a vacuum over a distance, ms. */
export function lightRttMs(km: number): number {
  return (2 * km) / LIGHT_KM_PER_MS;
}

/** Returns the continent of a place by boxes that are coarse at Europe's border with Asia. */
export function continentOf({ latitude, longitude }: Place): Continent {
  if (longitude < -30) return latitude > 12 ? 'NA' : 'SA';
  if (longitude > 110 && latitude < -8) return 'OC';
  if (longitude > 165) return 'OC';
  if (latitude > 36 && longitude < 27) return 'EU';
  if (latitude > 41 && longitude < 50) return 'EU';
  if (longitude < 34 && latitude > 31 && latitude <= 36.5) return longitude < 12 ? 'AF' : 'AS';
  if (longitude < 36 || (longitude < 52 && latitude < 12)) return 'AF';
  return 'AS';
}
