import { AccessLegs } from '../../../../src/estimates/access-legs.js';
import { DEFAULT_COST_WEIGHTS } from '../../../../src/estimates/cost-weights.js';
import { RegionIndex } from '../../../../src/estimates/region-index.js';
import { TrunkEstimates } from '../../../../src/estimates/trunk-estimates.js';
import { NO_DOUBTS } from '../../../../src/selection/doubts.js';
import {
  type LegSource,
  SelectionState,
  type TrunkSource,
} from '../../../../src/selection/state.js';
import { SELECTION_WEIGHTS, type SelectionWeights } from '../../../../src/selection/weights.js';
import type { RelaySite, World } from '../../world/world.js';

/** What a directory knows: the very estimates and the very state that selection reads. */
export interface Knowledge {
  readonly regions: RegionIndex;
  readonly trunks: TrunkEstimates;
  readonly legs: AccessLegs;
  readonly state: SelectionState;
}

/** Sources that replace estimates, for a decomposition. */
export interface Replacements {
  readonly trunks?: TrunkSource | undefined;
  readonly legs?: LegSource | undefined;
  readonly weights?: Partial<SelectionWeights> | undefined;
}

/** Makes a directory's knowledge of the relays of a world, with nothing measured yet. */
export function knowledgeOf(
  world: World,
  replaced: (knowledge: Omit<Knowledge, 'state'>) => Replacements,
): Knowledge {
  const regions = new RegionIndex();
  const trunks = new TrunkEstimates(regions, DEFAULT_COST_WEIGHTS);
  const byAddress = new Map(world.clusters.map((one) => [addressIn(one.network), one]));
  const places = {
    placeOf: (address: string) => {
      const found = byAddress.get(address);
      return found && { asn: found.asn, location: locationOf(found.place) };
    },
  };
  const legs = new AccessLegs({ regions, trunks, weights: DEFAULT_COST_WEIGHTS, places });
  const instead = replaced({ regions, trunks, legs });
  const state = new SelectionState({
    ...{ regions, trunks: instead.trunks ?? trunks, legs: instead.legs ?? legs },
    weights: { ...SELECTION_WEIGHTS, ...instead.weights },
    costWeights: DEFAULT_COST_WEIGHTS,
  });
  for (const index of world.relays.keys()) putRelay(state, world, index);
  state.publish(0);
  return { regions, trunks, legs, state };
}

/** Registers a relay, as one that all others know. */
export function putRelay(state: SelectionState, world: World, index: number): void {
  const { id, region, legsMax } = world.relays[index] as RelaySite;
  const site = world.regions[region];
  const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  const facts = {
    ...{ id, region: site?.name ?? '', provider: site?.provider },
    location: locationOf(site?.place),
    serviceAddresses: [{ address, port: 3478 }],
    trunkAddresses: [{ address, port: 3480 }],
  };
  const sequences = { registrySequence: 1, recordSequence: 1 };
  state.putRelay(facts, { draining: false, confirmed: true, doubts: NO_DOUBTS, ...sequences });
  state.reportLoad(id, { legs: 0, legsMax, cpu: 0 });
}

/** Returns an address of a network: all of its peers are in one cluster. */
export function addressIn(network: string): string {
  return network.replace(/\/\d+$/, '');
}

function locationOf(place: { latitude: number; longitude: number } | undefined) {
  return place && ([place.latitude, place.longitude] as const);
}
