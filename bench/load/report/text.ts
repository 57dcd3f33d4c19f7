import { spreadText } from '../ratio-targets.js';
import type { BenchResult, WorkloadResult } from '../result.js';
import { figuresAt, lossText, nsText, rateText } from './figures.js';
import { turnSetupLines } from './turn-setups.js';

const NAME_COLUMNS = 34;

/** Returns the result as lines for a terminal. */
export function textSummary(result: BenchResult): string {
  const { circumstances, workloads, targets, turnSetup, warnings, omissions } = result;
  const indicative = circumstances.scene === 'loopback' ? ['INDICATIVE ONLY (loopback)'] : [];
  const judged = targets
    .filter(({ measured }) => measured !== undefined)
    .map(
      ({ title, target, measured, atSaturation, met }) =>
        `  ${met === true ? 'met ' : 'MISS'} ${title}: ${measured} (${target})` +
        (atSaturation === undefined ? '' : `; at saturation ${atSaturation}`),
    );
  return [
    ...indicative,
    ...workloads.map(workloadText),
    ...turnSetupLines(turnSetup),
    ...(judged.length > 0 ? ['Targets:', ...judged] : []),
    ...warnings.map((line) => `Warning: ${line}`),
    ...omissions.map(({ what, why }) => `Left out: ${what}: ${why}`),
  ].join('\n');
}

function workloadText(result: WorkloadResult): string {
  const lines = result.contestants.map((contestant) => {
    const figures = figuresAt(result, contestant, 'common') ?? figuresAt(result, contestant, 'own');
    if (figures === undefined) return `  ${contestant.title}: not measured`;
    const { cost, ratio, deliveredPps, loss } = figures;
    const beside = ratio === undefined ? '' : `, ${spreadText(ratio)} × reflector`;
    return (
      `  ${contestant.title.padEnd(NAME_COLUMNS)} ${nsText(cost.median).padStart(6)} ns a packet` +
      ` at ${rateText(deliveredPps)}, loss ${lossText(loss)}${beside}`
    );
  });
  return [`${result.workload.name} (${result.workload.title})`, ...lines].join('\n');
}
