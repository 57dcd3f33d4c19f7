import { REGIONS_MAX } from '../estimates/region-index.js';
import type { RelayEntries } from './loads.js';
import { FAMILIES_ALL, type RelayRow } from './relay-facts.js';
import type { RegionRow } from './snapshot.js';

/**
 * Makes the rows of regions anew.
 * @param regionOf - the region of each entry, by slot; -1 where there is none
 * @param regions - the numbers of the regions
 * @param nameOf - names of regions by their numbers
 * @returns the row of each, undefined of a region without live relays
 */
export function regionRows(
  entries: RelayEntries,
  regionOf: readonly number[],
  regions: ReadonlySet<number>,
  nameOf: (region: number) => string,
): Map<number, RegionRow | undefined> {
  const marks = new Uint8Array(REGIONS_MAX);
  for (const region of regions) marks[region] = 1;
  const relays = new Map<number, RelayRow[]>([...regions].map((region) => [region, []]));
  for (let slot = 0; slot < regionOf.length; slot += 1) {
    const region = regionOf[slot] as number;
    if (marks[region] !== 1) continue;
    const entry = entries[slot];
    if (entry !== undefined) relays.get(region)?.push(entry.row);
  }
  return new Map(
    [...relays].map(([region, rows]) => [
      region,
      rows.length === 0 ? undefined : regionRow(region, nameOf(region), rows),
    ]),
  );
}

function regionRow(number: number, name: string, rows: readonly RelayRow[]): RegionRow {
  const usable = rows.filter(({ status }) => status.confirmed && !status.draining);
  let serviceAll = FAMILIES_ALL;
  let serviceAny = 0;
  for (const { serviceFamilies } of usable) {
    serviceAll &= serviceFamilies;
    serviceAny |= serviceFamilies;
  }
  return {
    number,
    name,
    members: Int32Array.from(usable, ({ slot }) => slot),
    serviceAll,
    serviceAny,
    doubted: usable.some(({ doubted }) => doubted),
    providers: [...new Set(usable.map(({ facts }) => facts.provider))],
  };
}
