/** Draws the plots of docs/performance.md: `npm run bench:plots`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { ROOT } from './programs.js';
import { plotsOf } from './report/plots.js';
import type { BenchResult } from './result.js';

/** Reads a bench.json. @throws Error with the file and the reason */
function read(file: string): BenchResult {
  let result: Partial<BenchResult>;
  try {
    result = JSON.parse(readFileSync(file, 'utf8')) as Partial<BenchResult>;
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const why = isMissing ? 'not there: `npm run bench` writes one' : (cause as Error).message;
    throw new Error(`${file}: ${why}`, { cause });
  }
  if (!Array.isArray(result?.workloads)) {
    throw new Error(`${file}: not what \`npm run bench\` writes`);
  }
  return result as BenchResult;
}

function draw(file: string, out: string): void {
  const plots = plotsOf(read(file));
  if (plots.length === 0) throw new Error(`${file}: none of the workloads that are drawn is in it`);
  mkdirSync(out, { recursive: true });
  for (const { file: name, svg } of plots) {
    writeFileSync(join(out, name), svg);
    console.log(join(out, name));
  }
}

new Command('bench:plots')
  .description('Draws the plots of docs/performance.md from the results of `npm run bench`.')
  .argument('[result]', 'a bench.json', join(ROOT, 'bench', 'results', 'bench.json'))
  .option('--out <folder>', 'folder of the plots', join(ROOT, 'docs', 'performance'))
  .action((file: string, { out }: { out: string }) => {
    try {
      draw(file, out);
    } catch (error) {
      console.error(`bench:plots: ${(error as Error).message}`);
      process.exitCode = 1;
    }
  })
  .parse();
