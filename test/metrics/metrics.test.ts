import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Directory, Peer, Relay, relaySecret, tenantRoot } from '../../src/index.js';
import { ROOT } from '../house/source-files.js';
import { promtool } from '../setup/test-tools.js';

/** A family of a scrape. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: ReadonlySet<string>;
}

/** What both services show after a connection, a refusal and requests that fail. */
async function scrapes(): Promise<{ relay: string; directory: string }> {
  const clusterSecret = randomBytes(32);
  const apiKey = randomBytes(24).toString('base64url');
  const directory = await Directory.open({
    listen: { address: '127.0.0.1', port: 0 },
    clusterSecret,
    apiKeys: [{ key: apiKey, tenant: 'default' }],
  });
  t.teardown(() => directory.close());
  const relays = await Promise.all(
    ['fra-1', 'nyc-1'].map((id) =>
      Relay.open({
        ...{ id, region: id.slice(0, 3), listen: ['127.0.0.1:0'], trunk: ['127.0.0.1:0'] },
        directoryUrl: directory.url,
        relaySecret: relaySecret(clusterSecret, id),
        tenantRoot: tenantRoot(clusterSecret),
      }),
    ),
  );
  t.teardown(() => Promise.all(relays.map((relay) => relay.close())));
  const room = { directoryUrl: directory.url, apiKey, room: 'lobby' };
  const [ann, bob] = await Promise.all([Peer.join(room), Peer.join(room)]);
  for (let i = 0; i < 20; i++) ann.send(Buffer.from(`hello ${i}`));
  for await (const _ of bob) break;
  await fetch(`${directory.url}/nowhere`);
  await fetch(`${directory.url}/v1/connections`, { method: 'POST', body: '{}' });
  const used = relays.find((relay) => relay.legs > 0);
  const texts = {
    relay: (await used?.metrics()) ?? '',
    directory: await directory.metrics(),
  };
  await Promise.all([ann.close(), bob.close()]);
  return texts;
}

function families(text: string): Family[] {
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)].map(
    ([, name = '', help = '', type = '']) => {
      const own = samples.filter((line) => line.split(/[{ ]/)[0]?.startsWith(name));
      const labels = own.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, key]) => key));
      return { name, help, type, labels: new Set(labels as string[]) };
    },
  );
}

const pages = await scrapes();
const all = Object.entries(pages).map(([service, text]) => ({
  service,
  text,
  families: families(text),
}));
const tool = promtool();

t.test(
  'promtool finds nothing to complain about',
  { skip: tool === undefined && 'needs promtool' },
  async (t) => {
    for (const { service, text } of all) {
      const { status, stdout, stderr } = spawnSync(tool ?? '', ['check', 'metrics'], {
        input: text,
        encoding: 'utf8',
      });
      t.equal(`${stdout}${stderr}`, '', service);
      t.equal(status, 0, service);
    }
  },
);

const PAGE = readFileSync(join(ROOT, 'docs', 'metrics.md'), 'utf8');
const [, RULES = ''] = /```yaml\n([^`]+)```/.exec(PAGE) ?? [];

t.test(
  'the alerts of docs/metrics.md',
  { skip: tool === undefined && 'needs promtool' },
  async (t) => {
    const file = join(t.testdir({ 'rules.yaml': RULES }), 'rules.yaml');
    const check = ['check', 'rules', '--lint=all', '--lint-fatal', file];
    const { status, stdout } = spawnSync(tool ?? '', check, { encoding: 'utf8' });
    t.match(stdout, /SUCCESS: 8 rules found/);
    t.equal(status, 0);
  },
);

t.test('the alerts are about metrics and values that there are', async (t) => {
  const names = new Set(all.flatMap(({ families }) => families.map(({ name }) => name)));
  const used = [...RULES.matchAll(/turnpike_\w+/g)].map(([name]) => name);
  t.ok(used.length >= 8);
  t.strictSame(
    used.filter((name) => !names.has(name)),
    [],
  );
  const text = all.map((page) => page.text).join('\n');
  for (const [, label, values = ''] of RULES.matchAll(/\{(\w+)=~?"([^"]+)"/g)) {
    for (const value of values.split('|')) t.match(text, `${label}="${value}"`);
  }
});

t.test('counters, and only they, end in _total, and no family is another with it', async (t) => {
  for (const { service, families } of all) {
    t.ok(families.length > 20, `${service} has metrics`);
    const names = new Set(families.map(({ name }) => name));
    const wrong = families.filter(
      ({ name, type }) => name.endsWith('_total') !== (type === 'counter'),
    );
    // OpenMetrics names the family of a counter without its suffix.
    const clashes = families.filter(({ name }) => names.has(`${name}_total`));
    t.strictSame(
      [...wrong, ...clashes].map(({ name }) => name),
      [],
      service,
    );
  }
});

t.test('each family has one unit, and a limit is a family of its own', async (t) => {
  for (const { service, families, text } of all) {
    const units = /_(datagrams|records|bytes|operations|seconds)(_total)?$/;
    const mixed = families.filter(
      ({ name, labels }) => labels.has('name') && !units.test(name) && name.startsWith('turnpike_'),
    );
    t.strictSame(
      mixed.map(({ name }) => name),
      [],
      service,
    );
    t.notMatch(text, /="(max|limit)"/, service);
  }
});

t.test('what operators ask first is there', async (t) => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const { service, text } of all) {
    t.match(text, `turnpike_build_info{program="${service}",version="${version}"} 1`);
    t.match(text, /^process_resident_memory_bytes \d/m);
    t.match(text, /^process_open_fds \d/m);
    t.match(text, /^nodejs_eventloop_lag_p99_seconds \d/m);
  }
  const { relay, directory } = pages;
  t.match(relay, 'turnpike_relay_registration_state{state="registered"} 1');
  t.match(relay, 'turnpike_relay_registration_state{state="registering"} 0');
  t.match(relay, /^turnpike_relay_directory_answers 1$/m);
  t.match(relay, /^turnpike_relay_trunk_reachable\{relay="(fra|nyc)-1"\} 1$/m);
  t.match(relay, 'turnpike_relay_xdp_mode{mode="off"} 1');
  t.match(relay, /^turnpike_relay_legs [12]$/m);
  t.match(relay, /^turnpike_relay_legs_limit \d+$/m);
  const carried = /records_total\{name="(client_to_trunk|client_to_client|trunk_to_client)"\} 20$/m;
  t.match(relay, carried, 'what was sent');
  t.match(directory, 'turnpike_directory_relays{state="ready"} 2');
  t.match(directory, 'turnpike_directory_requests_total{route="none",status="404"} 1');
});

t.test('no label grows with traffic', async (t) => {
  const bounded = new Set([
    ...[
      'name',
      'kind',
      'code',
      'reason',
      'event',
      'why',
      'relay',
      'state',
      'mode',
      'doubt',
      'bound',
    ],
    ...['route', 'status', 'tenant', 'result', 'program', 'version', 'le', 'quantile'],
    ...['type', 'space', 'major', 'minor', 'patch'],
  ]);
  for (const { service, families } of all) {
    const labels = new Set(families.flatMap(({ labels }) => [...labels]));
    t.strictSame(
      [...labels].filter((label) => !bounded.has(label)),
      [],
      service,
    );
  }
});

t.test('docs/metrics.md lists every family, with its labels, and no other', async (t) => {
  const page = readFileSync(join(ROOT, 'docs', 'metrics.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(turnpike_\w+)(?:\{([\w, ]*)\})?` \| (\w+) \|/gm)];
  const documented = rows.map(([, name, labels = '', type]) => `${name}{${labels}} ${type}`);
  const own = all
    .flatMap(({ families }) => families)
    .filter(({ name }) => name.startsWith('turnpike_'));
  const shown = own.map(({ name, labels, type }) => {
    const keys = [...labels].filter((label) => label !== 'le').sort();
    return { name, text: `${name}{${keys.join(', ')}} ${type}` };
  });
  const names = new Set(rows.map(([, name]) => name));
  t.strictSame(
    shown.filter(({ name }) => !names.has(name)).map(({ text }) => text),
    [],
  );
  // A family without samples in this scrape shows no labels.
  const wrong = shown.filter(({ name, text }) => {
    const bare = `${name}{}`;
    return !text.startsWith(bare) && !documented.includes(text);
  });
  t.strictSame(
    wrong.map(({ text }) => text),
    [],
  );
  const there = new Set(shown.map(({ name }) => name));
  t.strictSame(
    [...names].filter((name) => !there.has(name ?? '')),
    [],
    'nothing that is not there',
  );
});
