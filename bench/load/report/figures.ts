import { costs } from '../ratio-targets.js';
import type { ContestantResult, WorkloadResult } from '../result.js';
import { median, ratioSpread, type Spread, spread } from '../statistics.js';
import type { StepResult } from '../step.js';

/** A contestant's figures at one load, over all rounds. */
export interface LoadFigures {
  readonly cost: Spread;
  /** Cost as a multiple of the reflector's in the same rounds; absent for the `own` load. */
  readonly ratio?: Spread;
  readonly deliveredPps: number;
  readonly loss: number;
  readonly generatorIdle: number;
}

/** The contestant to which every ratio refers. */
const FLOOR = 'reflector';

/**
 * Returns a contestant's figures at a load.
 * @param step - the label of the load
 * @returns undefined if it was not measured at that load
 */
export function figuresAt(
  result: WorkloadResult,
  contestant: ContestantResult,
  step: string,
): LoadFigures | undefined {
  const steps = contestant.rounds.flatMap((round) => round[step] ?? []);
  if (steps.length === 0) return undefined;
  const floor = result.contestants.find(({ name }) => name === FLOOR);
  const ratio = ratioSpread(costs(contestant, step), costs(floor, step));
  const middle = (figure: (step: StepResult) => number) => median(steps.map(figure));
  return {
    cost: spread(steps.map(({ cpuNsPerPacket }) => cpuNsPerPacket)),
    ...(ratio && step !== 'own' && { ratio }),
    deliveredPps: middle(({ deliveredPps }) => deliveredPps),
    loss: middle(({ loss }) => loss),
    generatorIdle: middle(({ generatorIdle }) => generatorIdle),
  };
}

/** Returns a rate as text: `412 kpps`. */
export function rateText(pps: number): string {
  return pps >= 10_000 ? `${Math.round(pps / 1000)} kpps` : `${Math.round(pps)} pps`;
}

/** Returns a loss as text: `0`, `0.030 %`. */
export function lossText(loss: number): string {
  return loss === 0 ? '0' : `${(loss * 100).toFixed(loss < 0.001 ? 3 : 1)} %`;
}

/** Returns whole nanoseconds as text, without the unit. */
export function nsText(ns: number): string {
  return Math.round(ns).toLocaleString('en');
}

/** Returns nanoseconds as text in microseconds, without the unit. */
export function usText(ns: number): string {
  return ns < 100_000 ? (ns / 1000).toFixed(1) : Math.round(ns / 1000).toLocaleString('en');
}
