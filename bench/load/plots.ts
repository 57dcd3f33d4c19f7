/** Draws the plots of docs/performance.md anew. Run: `npm run bench:plots`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { ROOT } from './programs.js';
import { plotsOf } from './report/plots.js';
import type { BenchResult } from './result.js';

new Command('bench:plots')
  .description('Draws the plots of docs/performance.md from what `npm run bench` measured.')
  .argument('[result]', 'a bench.json', join(ROOT, 'bench', 'results', 'bench.json'))
  .option('--out <folder>', 'where the plots go', join(ROOT, 'docs', 'performance'))
  .action((file: string, { out }: { out: string }) => {
    const result = JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
    mkdirSync(out, { recursive: true });
    for (const { file: name, svg } of plotsOf(result)) {
      writeFileSync(join(out, name), svg);
      console.log(join(out, name));
    }
  })
  .parse();
