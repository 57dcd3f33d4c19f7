import { type Balance, isBalanced, totalOf } from './balance.js';
import type { Slope } from './slope.js';
import { FIGURES, type ProcessSoak, type SoakResult } from './soak.js';

const TITLES = {
  residentMB: 'RSS MB',
  heapMB: 'heap MB',
  externalMB: 'external MB',
  descriptors: 'descriptors',
  resources: 'timers, sockets',
} as const;

/** Returns the result of a soak as lines for a terminal. */
export function soakText({ minutes, victim, processes, balances }: SoakResult): string {
  const failed = Object.entries(victim.failures).map(([code, count]) => `${count} × ${code}`);
  return [
    `After ${minutes} min: ${victim.succeeded} of ${victim.setUps} set-ups, p99 ` +
      `${victim.setUpP99Ms.toFixed(0)} ms; ${victim.echoesLost} of ${victim.echoes} echoes lost`,
    ...(failed.length > 0 ? [`Set-ups that failed: ${failed.join(', ')}`] : []),
    'At the end, and change per hour (least squares; ±: 95 % interval, autocorrelated residuals):',
    ...processes.map(processText),
    'Balances:',
    ...balances.map(balanceText),
  ].join('\n');
}

function processText({ name, slopes, ends }: ProcessSoak): string {
  const figures = FIGURES.map(
    (figure) => `${TITLES[figure]} ${ends[figure].toFixed(0)} (${slopeText(slopes[figure])})`,
  );
  return `  ${name.padEnd(10)} ${figures.join(', ')}`;
}

function slopeText({ perHour, plusMinus }: Slope): string {
  const sign = perHour < 0 ? '−' : '+';
  return `${sign}${Math.abs(perHour).toFixed(1)} ± ${plusMinus.toFixed(1)}/h`;
}

function balanceText(balance: Balance): string {
  const [came, went] = [totalOf(balance.in), totalOf(balance.out)];
  if (isBalanced(balance)) return `  ok   ${balance.name}: ${came}`;
  const parts = (part: Balance['in']) =>
    Object.entries(part)
      .map(([name, value]) => `${name} ${value}`)
      .join(' + ');
  const left = `${parts(balance.in)} = ${came}`;
  return `  FAIL ${balance.name}: ${left}; ${parts(balance.out)} = ${went}: ${came - went} missing`;
}
