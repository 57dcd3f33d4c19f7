import { Random } from '../random.js';

/** How often a kind of thing fails, and for how long. */
interface Failures {
  readonly hoursBetween: number;
  readonly minutesLong: number;
}

/** Assumptions; no citable rate was found. */
const HOST: Failures = { hoursBetween: 30 * 24, minutesLong: 10 };
const REGION: Failures = { hoursBetween: 365 * 24, minutesLong: 120 };
const PROVIDER: Failures = { hoursBetween: 3 * 365 * 24, minutesLong: 60 };

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Where each relay stands. */
export interface OutageScope {
  readonly providers: number;
  readonly regions: number;
  /** Region of each relay. */
  readonly regionOf: readonly number[];
  /** Provider of each region. */
  readonly providerOf: readonly number[];
}

/** Times at which relays do not work: of single hosts, of regions and of providers. */
export class Outages {
  readonly #spans: (readonly Span[])[];

  /** @param hours - length of the time in which outages begin, from 0 */
  constructor(
    { providers, regions, regionOf, providerOf }: OutageScope,
    hours: number,
    seed: number,
  ) {
    const random = new Random(seed);
    const draw = (count: number, failures: Failures) =>
      Array.from({ length: count }, () => spans(failures, hours, random));
    const ofProviders = draw(providers, PROVIDER);
    const ofRegions = draw(regions, REGION);
    const ofHosts = draw(regionOf.length, HOST);
    this.#spans = regionOf.map((region, relay) => [
      ...(ofHosts[relay] ?? []),
      ...(ofRegions[region] ?? []),
      ...(ofProviders[providerOf[region] ?? -1] ?? []),
    ]);
  }

  /** Returns whether a relay works. */
  isUp(relay: number, atMs: number): boolean {
    return !(this.#spans[relay] ?? []).some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs);
  }
}

function spans({ hoursBetween, minutesLong }: Failures, hours: number, random: Random): Span[] {
  const found: Span[] = [];
  let hour = random.exponential(hoursBetween);
  while (hour < hours) {
    const fromMs = hour * 3_600_000;
    found.push({ fromMs, toMs: fromMs + random.exponential(minutesLong) * 60_000 });
    hour += random.exponential(hoursBetween);
  }
  return found;
}
