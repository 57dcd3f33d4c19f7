import { join } from 'node:path';
import t, { type Test } from 'tap';
import { formatAddress } from '../../src/address.js';
import { API_KEY, cluster, openDirectory } from '../client/support/cluster.js';
import { turnpike } from './in-process.js';

/** Writes an API key to a file. @returns its path */
function keyFile(t: Test, key = API_KEY): string {
  return join(t.testdir({ 'api.key': `${key}\n` }), 'api.key');
}

const lines = (text: string) => text.trimEnd().split('\n');

t.test('relays of a directory are shown in a table and as JSON', async (t) => {
  const { directory, relays } = await cluster(t);
  const access = ['--directory', directory.url, '--api-key-file', keyFile(t)];
  const shown = await turnpike(['ping', ...access, '--count', '2']);
  t.equal(shown.exitCode, 0, shown.stderr);
  const [head = '', ...rows] = lines(shown.stdout);
  t.match(head, /^REGION +RELAY +ADDRESS +RTT MIN +MEDIAN +JITTER +LOSS$/);
  t.equal(rows.length, 4, 'two relays, over IPv4 and IPv6');
  for (const row of rows) {
    t.match(row, /^(west|east) +(west|east)-1 +\S+:\d+ +\d+\.\d ms +\d+\.\d ms +\d+\.\d ms +0 %$/);
    t.equal(row.length, head.length, 'aligned');
  }
  const printed = await turnpike(['ping', ...access, '--count', '1', '--json', '--region', 'west']);
  const { relays: measured, latencies } = JSON.parse(printed.stdout);
  t.match(measured[0], { id: 'west-1', region: 'west', answered: true, sent: 1, lost: 0 });
  t.strictSame(Object.keys(latencies), ['west']);
  const addresses = measured.map(({ address }: { address: string }) => address);
  t.strictSame(addresses.sort(), relays[0].serviceAddresses.map(formatAddress).sort());
});

t.test('an address is pinged without a directory', async (t) => {
  const { relays } = await cluster(t);
  const [address] = relays[0].serviceAddresses.map(formatAddress);
  const ping = ['ping', '--count', '1', '--relay', address ?? ''];
  const one = await turnpike(ping);
  t.equal(one.exitCode, 0, one.stderr);
  const [head, row] = lines(one.stdout);
  t.match(head, /^ADDRESS +RTT MIN/);
  t.ok(row?.startsWith(address ?? '-'));
  const some = await turnpike([...ping, '--relay', '127.0.0.1:9', '--json']);
  t.equal(some.exitCode, 0, 'one of them answered');
  t.match(JSON.parse(some.stdout), {
    relays: [
      { address, answered: true },
      { address: '127.0.0.1:9', answered: false, sent: 1, lost: 1 },
    ],
  });
});

t.test('what is wrong has a code and an exit code of its own', async (t) => {
  const directory = await openDirectory(t);
  const access = ['--directory', directory.url, '--api-key-file', keyFile(t)];
  const cases: readonly [argv: string[], exitCode: number, stderr: RegExp][] = [
    [[], 2, /missing one of --directory, --relay/],
    [['--relay', '192.0.2.1'], 2, /--relay.*the port is missing/],
    [['--relay', '192.0.2.1:0'], 2, /--relay/],
    [['--relay', '127.0.0.1:9', '--count', '0'], 2, /--count.*1 to 1000/],
    [['--relay', '127.0.0.1:9', '--region', 'fra'], 2, /--region and --relay exclude each other/],
    [['--directory', directory.url], 2, /--api-key-file/],
    [['--relay', '127.0.0.1:9', '--count', '1'], 3, /ERR_TURNPIKE_RELAY_UNREACHABLE/],
    [access, 1, /names no relay to ping/],
    [['--api-key-file', access[3] ?? '', '--directory', 'http://127.0.0.1:1'], 3, /UNREACHABLE/],
  ];
  for (const [argv, exitCode, stderr] of cases) {
    const outcome = await turnpike(['ping', ...argv]);
    t.equal(outcome.exitCode, exitCode, argv.join(' '));
    t.match(outcome.stderr, stderr, argv.join(' '));
  }
  const stranger = [
    '--directory',
    directory.url,
    '--api-key-file',
    keyFile(t, 'of-no-tenant-here'),
  ];
  const refused = await turnpike(['ping', ...stranger]);
  t.equal(refused.exitCode, 4);
  t.match(refused.stderr, /api-key-unknown/);
});
