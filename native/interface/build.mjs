// Generates the C++ side of src/native/interface.ts and counters.ts: `npm run build:interface`.
// With `--check` it writes nothing and fails if a committed file is out of date. Users of the
// package do not need it.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptArguments } from '../../test/setup/script-arguments.ts';
import { renderInterface } from './render.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const { flags } = scriptArguments({
  script: 'build:interface',
  about: 'writes the C++ side of src/native/interface.ts and counters.ts.',
  flags: { '--check': 'writes nothing, and fails if a committed file is out of date' },
});
for (const [path, text] of renderInterface()) {
  const file = join(ROOT, path);
  if (!flags.has('--check')) {
    writeFileSync(file, text);
  } else if (readFileSync(file, 'utf8') !== text) {
    console.error(`build:interface: ${path} is not what its sources give: npm run build:interface`);
    process.exitCode = 1;
  }
}
