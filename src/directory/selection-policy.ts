import { TurnpikeError } from '../errors.js';
import { type CostWeights, DEFAULT_COST_WEIGHTS } from '../estimates/cost-weights.js';
import type { AllowedRelays } from '../selection/request.js';
import { SELECTION_WEIGHTS, type SelectionWeights } from '../selection/weights.js';
import type { SelectionSettings, Weights } from './selection-settings.js';

interface Policy {
  readonly weights: SelectionWeights;
  readonly costWeights: CostWeights;
  readonly prices: ReadonlyMap<string, number>;
  readonly allowed: ReadonlyMap<string, AllowedRelays>;
}

/** The directory's settings of selection, in the form that it works with. */
export class SelectionPolicy {
  #policy: Policy;

  /** @throws TurnpikeError as `renewal` */
  constructor(settings: SelectionSettings = {}) {
    this.#policy = policyOf(settings);
  }

  /** The weights of selection. */
  get weights(): SelectionWeights {
    return this.#policy.weights;
  }

  /** The weights by which paths are estimated. */
  get costWeights(): CostWeights {
    return this.#policy.costWeights;
  }

  /** Returns the price of a relay of a provider, in units of `priceMs`. */
  priceOf(provider: string | undefined): number {
    return provider === undefined ? 0 : (this.#policy.prices.get(provider) ?? 0);
  }

  /** Returns the relays that a tenant may get; undefined for all. */
  allowedTo(tenant: string): AllowedRelays | undefined {
    return this.#policy.allowed.get(tenant);
  }

  /**
   * Prepares a replacement of all settings.
   * @param settings - valid by `SELECTION_SPECS`
   * @returns a function that replaces them
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a provider or a tenant that is named twice
   */
  renewal(settings: SelectionSettings): () => void {
    const policy = policyOf(settings);
    return () => {
      this.#policy = policy;
    };
  }
}

function policyOf({ weights = {}, prices = [], tenants = [] }: SelectionSettings): Policy {
  const given = Object.entries(weights).filter(([, value]) => value !== undefined);
  const all: Weights = { ...SELECTION_WEIGHTS, ...DEFAULT_COST_WEIGHTS };
  const { uncertaintyZ, jitterMsPerMs, lossMsPerPercent, ...selection } = {
    ...all,
    ...(Object.fromEntries(given) as Partial<Weights>),
  };
  const priced = prices.map(({ provider, price }) => [provider, price] as const);
  const allowed = tenants.map(({ tenant, regions = [], providers = [] }) => {
    const relays: AllowedRelays = { regions: setOf(regions), providers: setOf(providers) };
    return [tenant, relays] as const;
  });
  return {
    weights: selection,
    costWeights: { uncertaintyZ, jitterMsPerMs, lossMsPerPercent },
    prices: mapOf('prices', 'provider', priced),
    allowed: mapOf('tenants', 'tenant', allowed),
  };
}

/** Returns names as a set; undefined if none is given, which stands for all. */
function setOf(names: readonly string[]): ReadonlySet<string> | undefined {
  return names.length === 0 ? undefined : new Set(names);
}

function mapOf<Value>(
  member: string,
  what: string,
  entries: readonly (readonly [string, Value])[],
): ReadonlyMap<string, Value> {
  const map = new Map(entries);
  const twice = entries.find(([name], i) => entries.findIndex(([other]) => other === name) < i);
  if (twice === undefined) return map;
  const message = `\`selection.${member}\`: ${what} ${twice[0]} is named twice`;
  throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}
