import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Directory, Peer, Relay, relaySecret, TurnServer, tenantRoot } from '../../src/index.js';
import type { Metrics } from '../../src/metrics/metric.js';
import { COUNTERS } from '../../src/native/counters.js';
import { XDP_FINDING_KINDS } from '../../src/native/xdp-finding.js';
import { REFUSALS } from '../../src/overlay/refusals.js';
import { BIND_REFUSALS } from '../../src/turn/bind-stats.js';
import { REFUSALS as TURN_REFUSALS } from '../../src/turn/refusals.js';
import { METRICS_BY_HEADING } from '../house/metrics-page.js';
import { ROOT } from '../house/source-files.js';
import { promtool } from '../setup/test-tools.js';
import { RELAY_PORTS, TurnSocket } from '../turn-server/turn-socket.js';

/** A family of a scrape. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: ReadonlySet<string>;
  /** Its sample lines. */
  readonly samples: readonly string[];
}

/** Returns the metrics of a relay and a directory after a connection and two failed requests. */
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
      const series = new RegExp(`^${name}(_(bucket|sum|count))?[{ ]`);
      const own = samples.filter((line) => series.test(line));
      const labels = own.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, key]) => key));
      return { name, help, type, labels: new Set(labels as string[]), samples: own };
    },
  );
}

/** Returns the metrics of a TURN server after an allocation and a refused request. */
async function turnScrape(): Promise<string> {
  const server = await TurnServer.open({
    ...{ listen: '127.0.0.1:0', relayAddresses: '127.0.0.1', relayPorts: RELAY_PORTS },
    users: 'alice:secret',
  });
  t.teardown(() => server.close());
  const [at = { address: '127.0.0.1', port: 0 }] = server.listen;
  const client = await TurnSocket.open(at, { username: 'alice', password: 'secret' });
  await client.allocate();
  await client.permit({ address: '10.0.0.1', port: 1 });
  client.close();
  return server.metrics();
}

const pages = { ...(await scrapes()), turn: await turnScrape() };
const all = Object.entries(pages).map(([service, text]) => ({
  service,
  text,
  families: families(text),
}));
const tool = promtool();

t.test(
  'promtool check metrics reports nothing',
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
  'promtool check rules accepts the alerts of docs/metrics.md',
  { skip: tool === undefined && 'needs promtool' },
  async (t) => {
    const file = join(t.testdir({ 'rules.yaml': RULES }), 'rules.yaml');
    const check = ['check', 'rules', '--lint=all', '--lint-fatal', file];
    const { status, stdout } = spawnSync(tool ?? '', check, { encoding: 'utf8' });
    t.match(stdout, /SUCCESS: 8 rules found/);
    t.equal(status, 0);
  },
);

t.test('the metrics and label values of the alerts exist', async (t) => {
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

t.test(
  'only counters end in _total, and no family has the name of a counter without it',
  async (t) => {
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
  },
);

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

t.test(
  'the metrics of version, process, registration, legs and traffic have their values',
  async (t) => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const { service, text } of all) {
      t.match(text, `turnpike_build_info{program="${service}",version="${version}"} 1`);
      t.match(text, /^process_resident_memory_bytes \d/m);
      t.match(text, /^process_open_fds \d/m);
      t.match(text, /^nodejs_eventloop_lag_p99_seconds \d/m);
    }
    const { relay, turn, directory } = pages;
    t.match(relay, 'turnpike_relay_registration_state{state="registered"} 1');
    t.match(relay, 'turnpike_relay_registration_state{state="registering"} 0');
    t.match(relay, /^turnpike_relay_directory_reachable 1$/m);
    t.match(relay, /^turnpike_relay_trunk_reachable\{relay="(fra|nyc)-1"\} 1$/m);
    t.match(relay, 'turnpike_relay_xdp_mode{mode="off"} 1');
    t.match(relay, /^turnpike_relay_legs [12]$/m);
    t.match(relay, /^turnpike_relay_legs_limit \d+$/m);
    const carried =
      /records_total\{name="(client_to_trunk|client_to_client|trunk_to_client)"\} 20$/m;
    t.match(relay, carried, 'the 20 records that were sent');
    t.match(turn, /^turnpike_turn_allocations 1$/m);
    t.match(turn, 'turnpike_turn_xdp_mode{mode="off"} 1');
    t.match(turn, 'turnpike_turn_data_plane_records_total{name="client_to_peer"} 0');
    t.match(turn, 'turnpike_turn_refusals_total{code="403",reason="peer-denied"} 1');
    t.match(directory, 'turnpike_directory_relays{state="ready"} 2');
    t.match(directory, 'turnpike_directory_requests_total{route="none",status="404"} 1');
  },
);

const DECLARED: Metrics = Object.assign({}, ...Object.values(METRICS_BY_HEADING));
const LISTS: Readonly<Record<string, readonly string[]>> = {
  'turnpike_relay_refusals_total code': Object.values(REFUSALS).map(String),
  'turnpike_relay_refusals_total reason': Object.keys(REFUSALS),
  'turnpike_turn_refusals_total code': Object.values(TURN_REFUSALS).map(String),
  'turnpike_turn_refusals_total reason': Object.keys(TURN_REFUSALS),
  'turnpike_relay_xdp_left_out reason': XDP_FINDING_KINDS,
  'turnpike_turn_xdp_left_out reason': XDP_FINDING_KINDS,
  'turnpike_relay_trunk_bind_refusals_total code': Object.values(BIND_REFUSALS).map(String),
  'turnpike_relay_trunk_bind_refusals_total reason': Object.keys(BIND_REFUSALS),
  ...Object.fromEntries(
    Object.entries(DECLARED).flatMap(([name, { labels = {} }]) =>
      Object.keys(labels)
        .filter(() => /^turnpike_(relay|turn)_data_plane_/.test(name))
        .map((label) => [`${name} ${label}`, Object.keys(COUNTERS)]),
    ),
  ),
};

t.test('a relay and a TURN server show every counter of the data plane', async (t) => {
  for (const service of ['relay', 'turn'] as const) {
    const series = new RegExp(`^turnpike_${service}_data_plane_\\w+\\{\\w+="(\\w+)"\\}`, 'gm');
    const shown = [...pages[service].matchAll(series)].map(([, name]) => name);
    t.strictSame(shown.sort(), Object.keys(COUNTERS).sort(), service);
  }
});

t.test('all labels and their values are declared', async (t) => {
  for (const { service, families } of all) {
    const wrong: string[] = [];
    for (const { name, samples } of families.filter((each) => each.name.startsWith('turnpike_'))) {
      const { labels = {} } = DECLARED[name] ?? {};
      for (const [, label = '', value = ''] of samples.flatMap((line) => [
        ...line.matchAll(/(\w+)="([^"]*)"/g),
      ])) {
        const declared = labels[label];
        const isBucket = label === 'le' && DECLARED[name]?.kind === 'histogram';
        if (declared === undefined && !isBucket) wrong.push(`${name} ${label}`);
        const list = LISTS[`${name} ${label}`] ?? declared;
        if (Array.isArray(list) && !list.includes(value)) wrong.push(`${name} ${label} ${value}`);
      }
    }
    t.strictSame(wrong, [], service);
  }
});

t.test('each service has exactly the metrics that are declared for it', async (t) => {
  for (const { service, families } of all) {
    const heading = `${service[0]?.toUpperCase()}${service.slice(1)}`;
    const declared = { ...METRICS_BY_HEADING.Common, ...METRICS_BY_HEADING[heading] };
    const own = families.filter(({ name }) => name.startsWith('turnpike_'));
    t.strictSame(own.map(({ name }) => name).sort(), Object.keys(declared).sort(), service);
    for (const { name, help, type } of own) {
      t.same({ help, type }, { help: declared[name]?.help, type: declared[name]?.kind }, name);
    }
  }
});

t.test('durations are observed in seconds', async (t) => {
  const observed = (text: string, series: string) => {
    const [, sum] =
      new RegExp(`^${series.replace('_count', '_sum')} (\\S+)$`, 'm').exec(text) ?? [];
    const [, count] = new RegExp(`^${series} (\\d+)$`, 'm').exec(text) ?? [];
    return Number(count) > 0 && Number(sum) >= 0 && Number(sum) < 60;
  };
  for (const series of [
    'turnpike_relay_batch_duration_seconds_count',
    'turnpike_relay_connect_duration_seconds_count\\{peer_relay="(?:self|other)"\\}',
    'turnpike_relay_directory_request_duration_seconds_count\\{request="beat",result="answered"\\}',
    'turnpike_relay_trunk_probe_rtt_seconds_count',
  ]) {
    t.ok(observed(pages.relay, series), series);
  }
  for (const series of [
    'turnpike_directory_request_duration_seconds_count\\{route="none"\\}',
    'turnpike_directory_request_wait_seconds_count\\{queue="relays"\\}',
    'turnpike_directory_request_wait_seconds_count\\{queue="tenants"\\}',
    'turnpike_directory_selection_duration_seconds_count',
    'turnpike_directory_relay_beat_interval_seconds_count',
  ]) {
    t.ok(observed(pages.directory, series), series);
  }
});

t.test('services in one process have separate metrics', async (t) => {
  const open = () =>
    Directory.open({
      listen: { address: '127.0.0.1', port: 0 },
      clusterSecret: randomBytes(32),
      apiKeys: [{ key: randomBytes(24).toString('base64url'), tenant: 'default' }],
    });
  const [asked, other] = await Promise.all([open(), open()]);
  t.teardown(() => Promise.all([asked.close(), other.close()]));
  await fetch(`${asked.url}/nowhere`);
  const line = 'turnpike_directory_requests_total{route="none",status="404"} 1';
  t.match(await asked.metrics(), line);
  t.notMatch(await other.metrics(), line);
});
