import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { findCommand } from '../setup/system-packages.js';
import { ROOT } from './sandbox.js';

const lacking = ['g++', 'make', 'python3'].filter((tool) => findCommand(tool) === undefined);
const skip = lacking.length > 0 && `needs ${lacking.join(', ')}`;
const folder = mkdtempSync(join(tmpdir(), 'turnpike-headers-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const node = join(folder, 'node', 'bin', 'node');
const project = join(folder, 'turnpike');

/** Compiles the addon with a Node that has no headers next to it. */
function compile(env: NodeJS.ProcessEnv): Promise<{ failed: boolean; output: string }> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'));
  const all = {
    ...Object.fromEntries(inherited),
    npm_config_node_gyp: join(ROOT, 'node_modules/node-gyp/bin/node-gyp.js'),
    npm_config_devdir: join(folder, 'downloaded'),
    // A port without a server.
    npm_config_disturl: 'http://127.0.0.1:9/',
    ...env,
  };
  const argv = [join('native', 'install.cjs'), '--compile'];
  return new Promise((resolve) => {
    execFile(node, argv, { cwd: project, env: all }, (error, stdout, stderr) =>
      resolve({ failed: error !== null, output: `${stdout}${stderr}` }),
    );
  });
}

t.before(() => {
  mkdirSync(join(folder, 'node', 'bin'), { recursive: true });
  copyFileSync(process.execPath, node);
  for (const each of ['native', 'binding.gyp', 'package.json']) {
    cpSync(join(ROOT, each), join(project, each), { recursive: true });
  }
});

t.test('missing headers are an error of one line', { skip }, async (t) => {
  const { failed, output } = await compile({});
  t.ok(failed);
  t.match(output, /headers are not beside .*node, and they cannot be downloaded \(.+\): install/);
  t.match(output, /libnode-dev.*npm_config_nodedir\n$/);
  t.notMatch(output.trim(), /\n/, 'in one line');
});

t.test('a folder without headers in npm_config_nodedir is an error', { skip }, async (t) => {
  const { output } = await compile({ npm_config_nodedir: folder });
  t.match(output, /turnpike: the addon cannot be compiled: /);
});
