import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SelectionPolicy } from '../../src/directory/selection-policy.js';
import { WEIGHT_SPECS, type Weights } from '../../src/directory/selection-settings.js';
import { DEFAULT_COST_WEIGHTS } from '../../src/estimates/cost-weights.js';
import { SELECTION_WEIGHTS } from '../../src/selection/weights.js';
import { ROOT } from '../house/source-files.js';
import { API_KEY, OTHER_API_KEY, relayRecord } from './fixtures.js';
import { DirectoryHarness } from './http/harness.js';

const NAMES = Object.keys(WEIGHT_SPECS) as (keyof Weights)[];
const DEFAULTS: Weights = { ...SELECTION_WEIGHTS, ...DEFAULT_COST_WEIGHTS };
const PEERS = [{ latencies: { fra: 10, nyc: 30 } }, { latencies: { fra: 10, nyc: 30 } }];

/** Opens a directory with relays of two providers and one without, in two regions. */
async function open(t: Parameters<typeof DirectoryHarness.open>[0], selection = {}) {
  const h = await DirectoryHarness.open(t, { selection });
  const sites = { 'fra-1': { provider: 'aws' }, 'nyc-1': { provider: 'ovh' }, 'nyc-2': {} };
  const records = Object.keys(sites).map((id, i) => relayRecord(id, i + 1));
  for (const record of records) {
    const site = sites[record.id as keyof typeof sites];
    const load = { legs: 0, legsMax: 1_000, cpu: 0, packetsPerSecond: 0 };
    await h.signed(record.id, 'PUT', 'registration', { record, load, draining: false, site });
    h.clock.spread();
  }
  const { registryVersion } = (await h.beat('fra-1', null)).body;
  for (const { id, start } of records) await h.beat(id, registryVersion, { start });
  return h;
}

/** Returns the relays that a connection gets, or why it gets none. */
async function relaysOf(h: DirectoryHarness, key = API_KEY): Promise<string> {
  h.clock.advance(100);
  const { status, body } = await h.connect({ peers: PEERS }, key);
  if (status !== 201) return `${status} ${body.reason}: ${body.detail}`;
  // biome-ignore lint/suspicious/noExplicitAny: an answer's body.
  return body.peers.map((peer: any) => peer.relay.id).join();
}

t.test('the page has each weight with its default and bounds', async (t) => {
  const page = readFileSync(join(ROOT, 'docs', 'selection.md'), 'utf8');
  const plain = (number: number) => number.toLocaleString('en-US');
  for (const name of NAMES) {
    const { minimum, maximum } = WEIGHT_SPECS[name];
    const value = DEFAULTS[name] === 1 / 3 ? '1/3' : plain(DEFAULTS[name]);
    const row = `| \`${name}\` | ${value} | ${plain(minimum)} to ${plain(maximum)} |`;
    t.ok(page.includes(row), row);
    t.ok(DEFAULTS[name] >= minimum && DEFAULTS[name] <= maximum, name);
  }
  t.strictSame(Object.keys(DEFAULTS).sort(), [...NAMES].sort());
});

t.test('weights apply from the start and after an update, each within its bounds', async (t) => {
  const policy = new SelectionPolicy({ weights: { bandMs: 7, uncertaintyZ: 2 } });
  t.match(policy.weights, { ...SELECTION_WEIGHTS, bandMs: 7 });
  t.match(policy.costWeights, { ...DEFAULT_COST_WEIGHTS, uncertaintyZ: 2 });
  const h = await open(t, { weights: { exploreShare: 0, bandMs: 7 } });
  const weightsNow = async () => {
    h.clock.advance(100);
    return (await h.explain({ peers: PEERS })).body.weights;
  };
  t.match(await weightsNow(), { exploreShare: 0, bandMs: 7, stickyMs: 10 });
  h.directory.update({ selection: { weights: { jitterMsPerMs: 3 } } });
  const { exploreShare, bandMs } = SELECTION_WEIGHTS;
  t.match(await weightsNow(), { jitterMsPerMs: 3, exploreShare, bandMs }, 'all are replaced');
  for (const name of NAMES) {
    const { minimum, maximum } = WEIGHT_SPECS[name];
    for (const bad of [minimum - 1, maximum + 1, Number.NaN, Number.POSITIVE_INFINITY, '1', null]) {
      const weights = { [name]: bad } as object;
      t.throws(() => h.directory.update({ selection: { weights } }), {
        code: 'ERR_TURNPIKE_CONFIG',
        message: new RegExp(
          `selection.weights.${name}.*a number from ${minimum} to ${maximum}, got`,
        ),
      });
    }
    for (const good of [minimum, maximum]) {
      h.directory.update({ selection: { weights: { [name]: good } } });
      t.match(await weightsNow(), name === 'sharedMs' ? {} : { [name]: good });
    }
  }
});

t.test('settings with a fault are refused whole, and the message names the member', async (t) => {
  const h = await open(t, { tenants: [{ tenant: 'acme', regions: ['nyc'] }] });
  const price = { provider: 'aws', price: 1 };
  const acme = { tenant: 'acme' };
  const cases: [object, RegExp][] = [
    [{ weight: {} }, /did you mean `selection.weights`/],
    [{ weights: { bandMS: 1 } }, /did you mean `selection.weights.bandMs`/],
    [{ weights: [] }, /expected an object of options/],
    [{ prices: [price, price] }, /`selection.prices`: provider aws is named twice/],
    [{ prices: [{ provider: 'aws' }] }, /missing option `selection.prices\[0\].price`/],
    [{ prices: [{ provider: 'A B', price: 1 }] }, /`selection.prices\[0\].provider`/],
    [{ prices: [{ provider: 'aws', price: -1 }] }, /a number from 0 to 10000, got -1/],
    [{ tenants: [acme, acme] }, /`selection.tenants`: tenant acme is named twice/],
    [{ tenants: [{ regions: ['fra'] }] }, /missing option `selection.tenants\[0\].tenant`/],
    [{ tenants: [{ ...acme, regions: [] }] }, /tenants\[0\].regions`: expected 1 to/],
    [{ tenants: [{ ...acme, providers: ['A B'] }] }, /tenants\[0\].providers\[0\]`/],
  ];
  for (const [selection, message] of cases) {
    const fault = { code: 'ERR_TURNPIKE_CONFIG', message };
    t.throws(() => h.directory.update({ selection }), fault);
    await t.rejects(DirectoryHarness.open(t, { selection }), fault);
  }
  t.match(await relaysOf(h, OTHER_API_KEY), /^nyc-.,nyc-.$/, 'what was set before still counts');
});

t.test('the price of a provider counts, from a reload on', async (t) => {
  const h = await open(t, { weights: { exploreShare: 0 } });
  t.equal(await relaysOf(h), 'fra-1,fra-1');
  const weights = { exploreShare: 0 };
  h.directory.update({ selection: { weights, prices: [{ provider: 'aws', price: 30 }] } });
  t.match(await relaysOf(h), /^nyc-.,nyc-.$/);
  const { body } = await h.explain({ peers: PEERS });
  const fra = body.peers[0].candidates.find(({ region }: { region: string }) => region === 'fra');
  t.equal(fra.priceMs, 30);
  h.directory.update({ selection: { weights } });
  t.equal(await relaysOf(h), 'fra-1,fra-1');
});

t.test('a tenant gets the relays that it is allowed, and others get all', async (t) => {
  const of = (relays: object) => ({ tenants: [{ tenant: 'acme', ...relays }] });
  const h = await open(t, of({ regions: ['nyc'], providers: ['ovh'] }));
  t.equal(await relaysOf(h, OTHER_API_KEY), 'nyc-1,nyc-1');
  t.equal(await relaysOf(h), 'fra-1,fra-1');
  h.directory.update({ selection: of({ providers: ['aws'] }) });
  t.equal(await relaysOf(h, OTHER_API_KEY), 'fra-1,fra-1');
  await h.beat('fra-1', null, { draining: true });
  t.match(
    await relaysOf(h, OTHER_API_KEY),
    /^503 none-ready: .* 1 drain, 0 have just registered, 2 are not allowed to the tenant/,
  );
  t.match(await relaysOf(h), /^nyc-.,nyc-.$/);
  h.directory.update({ selection: of({ regions: ['nowhere'] }) });
  t.match(await relaysOf(h, OTHER_API_KEY), /^503 none-ready/);
  h.directory.update({ selection: {} });
  t.match(await relaysOf(h, OTHER_API_KEY), /^nyc-.,nyc-.$/);
});
