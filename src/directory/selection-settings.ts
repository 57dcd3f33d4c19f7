import type { CostWeights } from '../estimates/cost-weights.js';
import type { OptionSpec, OptionSpecs } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import type { SelectionWeights } from '../selection/weights.js';

/** All weights of selection (docs/selection.md, Weights). */
export type Weights = SelectionWeights & CostWeights;

/** What a leg of a provider's relays costs. */
export interface ProviderPrice {
  /** As relays register it. */
  readonly provider: string;
  /** In units of the weight `priceMs`, 0 to 10,000. Relays of other providers cost 0. */
  readonly price: number;
}

/** The relays that a tenant's connections and TURN users get. */
export interface TenantRelays {
  readonly tenant: string;
  /** The only regions; default all. */
  readonly regions?: readonly string[] | undefined;
  /** The only providers; default all, also of relays that tell none. */
  readonly providers?: readonly string[] | undefined;
}

/** What decides among relays. */
export interface SelectionSettings {
  /** Those that differ from the defaults. */
  readonly weights?: { readonly [K in keyof Weights]?: number | undefined } | undefined;
  /** Each provider once. */
  readonly prices?: readonly ProviderPrice[] | undefined;
  /** Each tenant once; the others may get all relays. */
  readonly tenants?: readonly TenantRelays[] | undefined;
}

const number = (minimum: number, maximum: number) =>
  ({ kind: 'number', minimum, maximum }) as const;

/** The bounds of the weights. */
export const WEIGHT_SPECS = {
  uncertaintyZ: number(0, 10),
  jitterMsPerMs: number(0, 100),
  lossMsPerPercent: number(0, 1_000),
  loadMs: number(0, 10_000),
  loadPower: number(1, 20),
  burstMs: number(0, 10_000),
  burstShare: number(0, 1),
  burstLegs: number(0, 1_000_000),
  sharedMs: number(0, 10_000),
  sharedUnknownMs: number(0, 10_000),
  priceMs: number(0, 1_000),
  bandMs: number(0, 1_000),
  bandShare: number(0, 1),
  exploreShare: number(0, 1),
  exploreMs: number(0, 1_000),
  exploreLossMax: number(0, 1),
  stickyMs: number(0, 10_000),
  stickyShare: number(0, 1),
  stickyForMs: number(0, 86_400_000),
} as const satisfies Record<keyof Weights, OptionSpec>;

const names = { ...SPECS.name, repeat: true, itemsMin: 1 } as const;

/** Specs of `SelectionSettings`. */
export const SELECTION_SPECS = {
  weights: { kind: 'options', options: WEIGHT_SPECS },
  prices: {
    kind: 'options',
    repeat: true,
    options: {
      provider: { ...SPECS.name, required: true },
      price: { ...number(0, 10_000), required: true },
    },
  },
  tenants: {
    kind: 'options',
    repeat: true,
    options: {
      tenant: { ...SPECS.name, required: true },
      regions: names,
      providers: names,
    },
  },
} as const satisfies Record<keyof SelectionSettings, OptionSpec> & OptionSpecs;
