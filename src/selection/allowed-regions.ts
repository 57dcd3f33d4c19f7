import type { AllowedRelays } from './request.js';
import type { RegionRow, SelectionSnapshot } from './snapshot.js';

/** The tenant allows the region, which has relays that may be chosen. */
const ALLOWS_REGION = 1;
/** It allows the provider of any of them too. */
export const ALLOWS_ANY = 2;
/** It allows the providers of all of them too. */
export const ALLOWS_ALL = 4;

/** What a tenant allows of a snapshot's regions. */
interface AllowedRegions {
  readonly regions: SelectionSnapshot['regions'];
  /** Bits by region number. */
  readonly bits: Uint8Array;
  /** The numbers of the regions with `ALLOWS_REGION`, rising. */
  readonly numbers: Uint16Array;
}

/**
 * By what a tenant allows: the regions of the snapshot that it was last needed for. It follows from
 * both, so that keeping it changes no selection.
 */
const KNOWN = new WeakMap<AllowedRelays, AllowedRegions>();
/** Of selections for any tenant without filters. */
const EVERYTHING: AllowedRelays = {};

/** Returns what a tenant allows of the regions; undefined allows everything. */
export function allowedRegions(
  { regions }: SelectionSnapshot,
  allowed: AllowedRelays = EVERYTHING,
): AllowedRegions {
  const known = KNOWN.get(allowed);
  if (known !== undefined && known.regions === regions) return known;
  const bits = Uint8Array.from(regions, (row) => bitsOf(row, allowed));
  const numbers = Uint16Array.from(bits.keys()).filter((region) => bits[region] !== 0);
  const made = { regions, bits, numbers };
  KNOWN.set(allowed, made);
  return made;
}

function bitsOf(row: RegionRow | undefined, { regions, providers }: AllowedRelays): number {
  if (row === undefined || row.members.length === 0) return 0;
  if (regions !== undefined && !regions.has(row.name)) return 0;
  if (providers === undefined) return ALLOWS_REGION | ALLOWS_ANY | ALLOWS_ALL;
  const has = (each: string | undefined) => each !== undefined && providers.has(each);
  const any = row.providers.some(has) ? ALLOWS_ANY : 0;
  return ALLOWS_REGION | any | (row.providers.every(has) ? ALLOWS_ALL : 0);
}
