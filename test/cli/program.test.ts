import { createHmac } from 'node:crypto';
import { chmodSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { optionKey, optionVariable } from '../../src/cli/config/option.js';
import { turnpike } from './in-process.js';

/** Cluster secret 00 01 … 1f of PROTOCOL.md section 7. */
const CLUSTER_SECRET = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');

function clusterFile(t: Test, mode = 0o600): string {
  const file = join(t.testdir({ cluster: `${CLUSTER_SECRET.toString('base64')}\n` }), 'cluster');
  chmodSync(file, mode);
  return file;
}

t.test('--version prints the package version', async (t) => {
  const manifest = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  t.match(await turnpike(['--version']), { exitCode: 0, stdout: `${version}\n`, stderr: '' });
});

t.test('help has every flag, variable and default, examples and exit codes', async (t) => {
  const { stdout, exitCode } = await turnpike(['--help']);
  t.equal(exitCode, 0);
  for (const word of ['demo', 'directory', 'relay', 'peer', 'secret', 'Exit codes', '--config']) {
    t.ok(stdout.includes(word), word);
  }
  for (const { path, options, examples } of COMMANDS) {
    const help = await turnpike([...path, '--help']);
    t.match(help, { exitCode: 0, stderr: '' }, path.join(' '));
    for (const name of [...Object.keys(options), 'config', 'logLevel']) {
      t.ok(help.stdout.includes(`--${optionKey(name)}`), name);
      t.ok(help.stdout.includes(optionVariable(path, name)), optionVariable(path, name));
    }
    t.match(help.stdout, /Exit codes:\n[\s\S]+ 3 {2}cannot reach/);
    for (const { purpose } of examples) t.ok(help.stdout.includes(purpose), purpose);
    const wide = help.stdout.split('\n').filter((line) => line.length > 100);
    t.strictSame(wide, [], 'no line is too wide');
  }
});

t.test('wrong usage ends with 2 and suggests the nearest command or option', async (t) => {
  t.match(await turnpike(['relay', '--lisen', 'x']), {
    exitCode: 2,
    stderr: /unknown option '--lisen'\n\(Did you mean --listen\?\)/,
  });
  t.match(await turnpike(['reley']), { exitCode: 2, stderr: /Did you mean relay\?/ });
  t.match(await turnpike(['relay', 'extra']), { exitCode: 2, stderr: /too many arguments/ });
  t.match(await turnpike(['secret', 'relay']), { exitCode: 2, stderr: /missing .* 'ID'/ });
  t.match(await turnpike(['peer', '--room', 'a', '--room', 'b']), {
    exitCode: 2,
    stderr: /--room.*given twice/,
  });
  t.match(await turnpike([]), { exitCode: 2, stderr: /Usage: turnpike/ });
});

t.test('an invalid configuration ends with 2 and names the source', async (t) => {
  const outcome = await turnpike(['directory', '--api-key-file', 'k'], {
    TURNPIKE_DIRECTORY_LISTEN: 'localhost:80',
  });
  t.equal(outcome.exitCode, 2);
  const [first, second, third] = outcome.stderr.split('\n');
  t.match(first, /^turnpike directory: missing --cluster-secret-file.*\[ERR_TURNPIKE_CONFIG\]$/);
  t.equal(
    second,
    'turnpike directory: TURNPIKE_DIRECTORY_LISTEN: expected IP:PORT or [IPv6]:PORT, got ' +
      '"localhost:80": "localhost" is a name, and names are not resolved: write 127.0.0.1 or [::1]',
  );
  t.equal(third, 'turnpike directory: see turnpike directory --help');
});

t.test('secret new prints 32 new bytes each time', async (t) => {
  const [first, second] = [await turnpike(['secret', 'new']), await turnpike(['secret', 'new'])];
  t.match(first, { exitCode: 0, stderr: '' });
  t.equal(Buffer.from(first.stdout, 'base64').length, 32);
  t.match(first.stdout, /^[A-Za-z0-9+/]{43}=\n$/);
  t.not(first.stdout, second.stdout);
});

t.test('secret relay prints the two lines of PROTOCOL.md section 7', async (t) => {
  const argv = ['secret', 'relay', 'fra-1', '--cluster-secret-file', clusterFile(t)];
  t.strictSame(await turnpike(argv), {
    exitCode: 0,
    stdout:
      `${base64('0b9d1d4d54d78a1b1a5d9d5b197f55523f0f70c588dd77864ff2327e907b47af')}\n` +
      `${base64('a0c158cde3e77c16773be2b69c21e20522632fdf79d2dc7bff9d4f9fe088318b')}\n`,
    stderr: '',
  });
});

t.test(
  'secret tenant prints the secret of section 7, with an option from the environment',
  async (t) => {
    const env = { TURNPIKE_SECRET_TENANT_CLUSTER_SECRET_FILE: clusterFile(t) };
    t.strictSame(await turnpike(['secret', 'tenant', 'default'], env), {
      exitCode: 0,
      stdout: `${base64('5a342b21eb0e493d0ace4a889f8dd3276c336290f76267a59155fa3bbf79827a')}\n`,
      stderr: '',
    });
  },
);

t.test('a secret file that others can read is used with a warning', async (t) => {
  const argv = ['secret', 'tenant', 'default', '--cluster-secret-file', clusterFile(t, 0o640)];
  const { exitCode, stderr } = await turnpike(argv);
  t.equal(exitCode, 0);
  t.match(JSON.parse(stderr), { level: 40, msg: /cluster can be read by others/ });
  const quiet = await turnpike([...argv, '--log-level', 'error']);
  t.equal(quiet.stderr, '');
});

t.test('secret turn mints a credential of the first secret of a file', async (t) => {
  const file = join(
    t.testdir({ secrets: '# in use\nnorth\nsouth\n', none: '# none\n' }),
    'secrets',
  );
  chmodSync(file, 0o600);
  const argv = ['secret', 'turn', 'alice', '--auth-secret-file'];
  const before = Math.floor(Date.now() / 1_000);
  const { exitCode, stdout, stderr } = await turnpike([...argv, file, '--lifetime', '60']);
  t.match({ exitCode, stderr }, { exitCode: 0, stderr: '' });
  const [username = '', password] = stdout.split('\n');
  t.match(username, /^\d+:alice$/);
  const left = Number.parseInt(username, 10) - before;
  t.ok(left >= 60 && left < 120, 'it is valid for the given time');
  t.equal(password, createHmac('sha1', 'north').update(username).digest('base64'));
  const empty = await turnpike([...argv, join(dirname(file), 'none')]);
  t.match(empty, { exitCode: 2, stdout: '', stderr: /none: there is no secret in it/ });
  const nobody = await turnpike(['secret', 'turn', '', '--auth-secret-file', file]);
  t.match(nobody, { exitCode: 2, stdout: '', stderr: /is no user: expected text/ });
});

t.test('an invalid name and a missing secret file end with 2', async (t) => {
  const file = ['--cluster-secret-file', clusterFile(t)];
  t.match(await turnpike(['secret', 'tenant', 'No Name', ...file]), { exitCode: 2, stdout: '' });
  const missing = ['secret', 'tenant', 'default', '--cluster-secret-file', 'missing'];
  const { exitCode, stderr } = await turnpike([...missing, '--log-level', 'debug']);
  t.equal(exitCode, 2);
  const [fatal, stack] = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.match(fatal, { level: 60, code: 'ERR_TURNPIKE_SECRET', msg: /missing/ });
  t.match(stack, { level: 20, err: { stack: /secret-file/ } });
});

t.test('relay checks its advertised addresses before it opens anything', async (t) => {
  const relay = async (...argv: string[]) => {
    const common = ['relay', '--id', 'a', '--region', 'a', '--directory', 'http://127.0.0.1:1'];
    const { exitCode, stderr } = await turnpike([...common, '--cluster-secret-file', 'x', ...argv]);
    t.equal(exitCode, 2);
    return JSON.parse(stderr).msg;
  };
  const trunk = ['--trunk', '127.0.0.1:0'];
  t.match(
    await relay('--listen', '0.0.0.0:0', ...trunk),
    /^--listen: 0\.0\.0\.0:0 is a wildcard that nobody can be told; give --advertise /,
  );
  t.match(
    await relay('--listen', '127.0.0.1:0', '--trunk', '[::]:0'),
    /^--trunk: \[::\]:0 is a wildcard .* give --advertise-trunk /,
  );
  const two = ['--listen', '127.0.0.1:0', '--listen', '[::1]:0', ...trunk];
  t.match(
    await relay(...two, '--advertise', '192.0.2.1:1'),
    /^--advertise: 1 given for 2 of --listen; give one for each/,
  );
  t.match(
    await relay(...two, '--advertise', '192.0.2.1:1', '--advertise', '[::]:1'),
    /^--advertise: \[::\]:1 is no address that others can reach/,
  );
});

t.test('peer refuses options that the mode lacks or does not take', async (t) => {
  const peer = async (...argv: string[]) => {
    const common = ['peer', '--directory', 'http://127.0.0.1:1', '--api-key-file', 'x'];
    const { exitCode, stderr } = await turnpike([...common, '--room', 'r', ...argv]);
    t.equal(exitCode, 2);
    return stderr;
  };
  t.match(await peer(), /needs --room-key-file/);
  t.match(
    await peer('--udp-listen', '127.0.0.1:0', '--room-key-file', 'k'),
    /--room-key-file: UDP payloads are not sealed/,
  );
  t.match(
    await peer('--udp-listen', '127.0.0.1:0', '--udp-forward', '127.0.0.1:1'),
    /--udp-listen and --udp-forward exclude each other/,
  );
});
