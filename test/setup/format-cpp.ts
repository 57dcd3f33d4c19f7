/** Formats the C and C++ sources: `npm run format:cpp`; `-- --check` only reports. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run-command.js';
import { scriptArguments } from './script-arguments.js';
import { requireTools } from './system-packages.js';
import { CLANG_FORMAT } from './system-tools.js';

const SOURCE = /\.(cc|c|h)$/;
/** The root's .clang-format applies to both; native/xdp/generated has one that formats nothing. */
const FOLDERS = ['native', 'test'];

const { flags } = scriptArguments({
  script: 'format:cpp',
  about: 'formats the C and C++ sources.',
  flags: { '--check': 'writes nothing, and fails where a file is not formatted' },
});
requireTools([CLANG_FORMAT], 'format:cpp');
const files = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && SOURCE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name)),
);
const mode = flags.has('--check') ? ['--dry-run', '-Werror'] : ['-i'];
process.exit(run('clang-format', [...mode, ...files]) ? 0 : 1);
