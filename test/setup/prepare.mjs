// What npm runs at the end of `npm ci` in a checkout: compiles the TypeScript, if the compiler was
// installed; `npm ci --omit=dev` leaves it out. With `--needed`, as before packing and starting, it
// is a failure where nothing was compiled earlier either.
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
