import { intervalText, MAIN_COLUMNS } from './figures.js';
import type { SimulationResult, WorldSummary } from './summary.js';

/** Returns the result as tables for a terminal. */
export function textReport({ worlds, ignoredFiles }: SimulationResult): string {
  const ignored = ignoredFiles.length === 0 ? [] : [`No matrix: ${ignoredFiles.join(', ')}`];
  return [...worlds.map(worldText), ...ignored].join('\n\n');
}

function worldText(world: WorldSummary): string {
  const seeds = world.seeds.length;
  const title = `${world.title}, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`;
  const parts = [`${title}\n${'='.repeat(title.length)}`];
  if (world.calibration.length > 0) parts.push(calibrationText(world));
  parts.push(contestantsText(world));
  if (world.burst.length > 0) parts.push(burstText(world));
  if (world.targets.length > 0) parts.push(targetsText(world));
  return parts.join('\n\n');
}

function calibrationText({ calibration }: WorldSummary): string {
  const rows = calibration.map(({ what, measured, generated, ok, source }) => [
    what,
    figureText(measured),
    figureText(generated),
    ok ? 'ok' : 'off',
    source,
  ]);
  return tableText(['the generator', 'measured', 'generated', '', 'source'], rows);
}

function figureText(value: number): string {
  return value < 1 ? `${(100 * value).toFixed(1)} %` : value.toFixed(value < 20 ? 2 : 0);
}

function contestantsText({ contestants }: WorldSummary): string {
  const rows = contestants.map(({ name, metrics }) => [
    name,
    ...MAIN_COLUMNS.map(({ figure, show }) => intervalText(metrics[figure], show)),
  ]);
  return tableText(['ms', ...MAIN_COLUMNS.map(({ head }) => head)], rows);
}

function burstText({ burst }: WorldSummary): string {
  const rows = burst.map((one) => [
    one.name,
    one.legsBefore.mean.toFixed(0),
    one.legsAfter.mean.toFixed(0),
    intervalText(one.maxOverMean, (value) => value.toFixed(2)),
    intervalText(one.maxOverMeanWorst, (value) => value.toFixed(2)),
    one.overloaded.mean.toFixed(1),
  ]);
  const heads = ['burst', 'legs/relay', 'after', 'max/mean', 'worst region', 'overloaded'];
  return tableText(heads, rows);
}

function targetsText({ targets }: WorldSummary): string {
  const rows = targets.map(({ what, target, text, met }) => [
    what,
    target,
    text,
    met ? 'met' : 'missed',
  ]);
  return tableText(['target', '', 'found', ''], rows);
}

function tableText(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [heads, ...rows].map(line).join('\n');
}
