import type { OperatorExplanation } from '../../src/directory/explainer.js';
import { outputOf } from '../lab/output-of.js';
import { until } from '../until.js';
import { TURNPIKE, type World } from './world.js';

/** Addresses of peers of which no directory knows anything (RFC 5737). */
export const STRANGERS = ['--peer', '198.51.100.1', '--peer', '198.51.100.2'] as const;

/** A round trip between two regions, ms. */
export type RegionRoundTrip = readonly [a: string, b: string, rttMs: number];

/** Returns what `turnpike explain` prints with these arguments. @throws if it fails */
export async function explainedText(world: World, args: readonly string[]): Promise<string> {
  const { directoryHost: host, lab } = world;
  const { code, output } = await outputOf(lab, host, [
    ...[process.execPath, TURNPIKE, 'explain', ...args],
    ...['--directory', world.accessFrom(host).directoryUrl],
    ...['--operator-key-file', world.secretFile('operator')],
  ]);
  if (code !== 0) throw new Error(`turnpike explain ended with ${code}: ${output}`);
  return output;
}

/** Returns what `turnpike explain --json` prints with these arguments. @throws if it fails */
export async function explained(
  world: World,
  args: readonly string[],
): Promise<OperatorExplanation> {
  return JSON.parse(await explainedText(world, [...args, '--json']));
}

/** Returns the terms of the trunk between two regions; undefined if no pair has it. */
export function trunkOf({ pairs }: OperatorExplanation, a: string, b: string) {
  return pairs.find(({ regions }) => regions.includes(a) && regions.includes(b))?.trunk;
}

/**
 * Waits until the directory's estimates of trunks are near these.
 * @param tolerance - how near, as a share
 * @returns the time, ms
 */
export async function untilEstimated(
  world: World,
  trunks: readonly RegionRoundTrip[],
  tolerance = 0.05,
): Promise<number> {
  const since = performance.now();
  let seen = '';
  const isNear = async () => {
    const explanation = await explained(world, STRANGERS);
    const found = trunks.map(([a, b]) => trunkOf(explanation, a, b)?.rttMs ?? Number.NaN);
    seen = found.join(', ');
    return trunks.every(([, , rttMs], i) => Math.abs((found[i] ?? 0) - rttMs) <= tolerance * rttMs);
  };
  await until(isNear).catch((cause) => {
    throw new Error(`estimates of trunks stay at ${seen}`, { cause });
  });
  return performance.now() - since;
}
