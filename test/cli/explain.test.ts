import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { API_KEY, IDLE, OPERATOR_KEY, relayRecord } from '../directory/fixtures.js';
import { DirectoryHarness } from '../directory/http/harness.js';
import { turnpike } from './in-process.js';

const PEERS = [
  { address: '203.0.113.7', latencies: { fra: 10.5, 'lon-1': 18, nyc: 90 } },
  { address: '198.51.100.9', latencies: { 'nyc-1': 12, 'nyc-2': 14.25, lon: 80 } },
];

async function world(t: Test) {
  const h = await DirectoryHarness.open(t);
  const ids = ['fra-1', 'fra-2', 'lon-1', 'nyc-1', 'nyc-2', 'sin-1'];
  await h.addRelays(...ids.map((id, index) => relayRecord(id, index + 1)));
  await h.beat('fra-1', null, { load: { ...IDLE, legs: 700 } });
  await h.beat('sin-1', null, { draining: true });
  const folder = t.testdir();
  const file = (name: string, key: string) => {
    writeFileSync(join(folder, name), `${key}\n`, { mode: 0o600 });
    return join(folder, name);
  };
  const common = ['explain', '--directory', h.directory.url, '--operator-key-file'];
  const explain = (...args: string[]) =>
    turnpike([...common, file('operator.key', OPERATOR_KEY), ...args]);
  const asTenant = (...args: string[]) => turnpike([...common, file('api.key', API_KEY), ...args]);
  return { h, explain, asTenant };
}

/** Returns the lines of the table below a line. */
function tableBelow(text: string, heading: RegExp): string[] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => heading.test(line)) + 1;
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('  '));
  return lines.slice(start, end);
}

t.test('the tables of a connection name its relays, and each row adds up', async (t) => {
  const { h, explain } = await world(t);
  const { connectionId, snapshot, seed, peers } = (await h.connect({ peers: PEERS })).body;
  const { exitCode, stdout, stderr } = await explain(connectionId);
  t.equal(exitCode, 0, stderr);
  const [first = '', chosen] = stdout.split('\n');
  t.equal(
    first,
    `connection ${connectionId} of tenant default, snapshot ${snapshot}, seed ${seed}`,
  );
  t.ok(chosen?.startsWith(`chosen: ${peers[0].relay.id} and ${peers[1].relay.id}: `));
  t.match(stdout, /^peer 0: \{.*203\.0\.113\.7.*\}, network .*\(0 samples of 0 regions\)$/m);
  const [header = '', ...rows] = tableBelow(stdout, /^pairs of regions, ms/);
  t.match(header, /peer 0 +peer 1 +leg 0 +load 0 +price 0 +trunk +leg 1 .* shared +total +why/);
  t.ok(rows.length > 2);
  for (const row of rows) {
    const numbers = (
      row
        .split('  ')
        .join(' ')
        .match(/\d+\.\d\d(?=\s)/g) ?? []
    ).slice(0, 9);
    const [total = 0, ...terms] = numbers.map((each) => Math.round(Number(each) * 100)).reverse();
    t.equal(terms.length, 8, row);
    t.equal(
      terms.reduce((sum, each) => sum + each, 0),
      total,
      row,
    );
  }
  t.match(
    rows.find((row) => row.includes('chosen')),
    /^ {2}> /,
  );
  t.match(stdout, /^regions for peer 0, ms:$/m);
  t.match(stdout, /own latency to lon-1/);
  t.match(stdout, /^ {2}draining: 1 \(sin-1\)$/m);
  t.match(stdout, /^relays of the chosen region, drawn by weight:$/m);
});

t.test('what an answer names explains it too, and --json prints plain data', async (t) => {
  const { h, explain } = await world(t);
  const addresses = PEERS.map(({ address }) => ({ address }));
  const { body } = await h.connect({ peers: addresses });
  const { connectionId, snapshot, seed } = body;
  const peers = addresses.flatMap(({ address }) => ['--peer', address]);
  const selection = ['--snapshot', String(snapshot), '--seed', String(seed)];
  const { exitCode, stdout } = await explain('--json', ...selection, ...peers);
  t.equal(exitCode, 0);
  const relays = body.peers.map(({ relay }: { relay: { id: string } }) => relay.id);
  t.match(JSON.parse(stdout), { snapshot, seed, relays });
  t.match(JSON.parse((await explain(connectionId, '--json')).stdout), { connectionId, relays });
  t.match((await explain(...peers)).stdout, /^snapshot \d+, seed \d+\nchosen: /);
});

t.test('what cannot be explained, or not by this key, ends with a code', async (t) => {
  const { h, explain, asTenant } = await world(t);
  const unknown = await explain('0'.repeat(32));
  t.match(unknown, { exitCode: 1, stderr: /connection-unknown/, stdout: '' });
  const { body } = await h.connect({ peers: PEERS });
  const refused = await asTenant(body.connectionId);
  t.match(refused, { exitCode: 4, stderr: /operator-key-needed/, stdout: '' });
  const usage = async (words: string[], says: RegExp) => {
    const { exitCode, stderr } = await explain(...words);
    t.equal(exitCode, 2, words.join(' '));
    t.match(stderr, says);
  };
  await usage([], /give a CONNECTION-ID, or --peer twice/);
  await usage(['--peer', '192.0.2.1'], /--peer twice/);
  await usage(['abc'], /abc.* is no CONNECTION-ID: expected 32 hex digits/);
  await usage([body.connectionId, '--seed', '1'], /either a CONNECTION-ID, or --peer/);
  await h.directory.close();
  t.match(await explain(body.connectionId), { exitCode: 3 });
});
