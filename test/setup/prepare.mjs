// npm's `prepare` script, at the end of `npm ci` in a checkout: compiles the TypeScript if the
// compiler is installed, which it is not after `npm ci --omit=dev`. With `--needed`, as before
// packing and starting, it fails if there is neither a compiler nor compiled code.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (existsSync('node_modules/typescript')) {
  const { status } = spawnSync('npm', ['run', '--silent', 'build:ts'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  process.exit(status ?? 1);
}
if (!existsSync('dist/cli/main.js')) {
  console.error(
    'turnpike: the TypeScript is not compiled, as its compiler is missing: run `npm ci`',
  );
  if (process.argv.includes('--needed')) process.exit(1);
}
