import t, { type Test } from 'tap';
import { type MeasureOptions, Peer, type RelayCandidate } from '../../src/client/index.js';
import { type PingOptions, pingAddresses } from '../../src/client/relay-pings.js';
import { medianOf } from '../../src/client/sample-statistics.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { seededRandom } from '../setup/seeded-random.js';
import { type FakePingTarget, fakePingTarget } from './support/fake-ping-target.js';
import { FakeScheduler } from './support/fake-scheduler.js';
import { API_KEY, httpServer, type ScriptedAnswer } from './support/http-server.js';
import { delivered, rejectionOf } from './support/until.js';

/** Lets time pass, ms by ms, until a promise is settled. @returns its value and the time it took */
async function inTime<Value>(scheduler: FakeScheduler, promise: Promise<Value>) {
  const startedMs = scheduler.monotonic();
  let isSettled = false;
  const settled = promise.finally(() => {
    isSettled = true;
  });
  settled.catch(() => {});
  await delivered();
  while (!isSettled && scheduler.monotonic() - startedMs < 10_000) {
    if (scheduler.armed > 0) scheduler.advance(1);
    await delivered();
  }
  return { value: await settled, ms: scheduler.monotonic() - startedMs };
}

interface Round {
  readonly scheduler: FakeScheduler;
  readonly targets: readonly FakePingTarget[];
  readonly ping: (options?: Partial<PingOptions>) => ReturnType<typeof pingAddresses>;
}

type RoundTrip = number | undefined | ((nth: number) => number | undefined);

/** Makes targets with these round trips. */
async function round(t: Test, ...roundTrips: readonly RoundTrip[]): Promise<Round> {
  const scheduler = new FakeScheduler();
  const targets = await Promise.all(
    roundTrips.map((each) =>
      fakePingTarget(t, scheduler, typeof each === 'function' ? each : () => each),
    ),
  );
  const bytes = seededRandom(1);
  const random = (length: number) => Uint8Array.from({ length }, () => bytes() * 256);
  const addresses = targets.map(({ address }) => address);
  const ping = (options: Partial<PingOptions> = {}) =>
    pingAddresses(addresses, { count: 3, timeoutMs: 300, scheduler, random, ...options });
  return { scheduler, targets, ping };
}

t.test('the median of an even number is the mean of the middle two', async (t) => {
  t.equal(medianOf([3]), 3);
  t.equal(medianOf([9, 1]), 5);
  t.equal(medianOf([9, 1, 2]), 2);
});

t.test('each address is pinged several times in turns, without retransmission', async (t) => {
  const { scheduler, targets, ping } = await round(t, 5, 40, (nth) => [10, 30, 20][nth]);
  const { value, ms } = await inTime(scheduler, ping());
  t.strictSame(
    value.map(({ sent, roundTripsMs }) => ({ sent, roundTripsMs: roundTripsMs.map(Math.floor) })),
    [
      { sent: 3, roundTripsMs: [5, 5, 5] },
      { sent: 3, roundTripsMs: [40, 40, 40] },
      { sent: 3, roundTripsMs: [10, 30, 20] },
    ],
  );
  for (const { pings } of targets) {
    t.equal(pings.length, 3);
    t.ok(pings.every(({ messageClass, method }) => `${messageClass} ${method}` === 'request 1'));
    t.equal(pings[0]?.bytes.length, 44, 'as long as an answer over IPv6: it costs no budget');
  }
  t.ok(ms < 300, `the round ends when all are answered: ${ms} ms`);
  t.equal(scheduler.armed, 0, 'no timer is left');
});

t.test('without an answer a round takes its time and no more', async (t) => {
  const { scheduler, ping } = await round(t, undefined, undefined);
  const { value, ms } = await inTime(scheduler, ping());
  t.strictSame(value, [
    { sent: 3, roundTripsMs: [] },
    { sent: 3, roundTripsMs: [] },
  ]);
  t.ok(ms >= 300 && ms <= 301, `${ms} ms`);
  t.equal(scheduler.armed, 0);
});

t.test('an overdue answer is lost, one that may still come is neither', async (t) => {
  const { scheduler, ping } = await round(
    t,
    (nth) => (nth === 1 ? undefined : 10),
    (nth) => (nth === 2 ? undefined : 100),
  );
  const { value } = await inTime(scheduler, ping());
  t.strictSame(
    value.map(({ sent, roundTripsMs }) => [sent, roundTripsMs.length]),
    [
      [3, 2],
      [2, 2],
    ],
    'of the second address the last ping was on its way for less than twice 100 ms',
  );
});

t.test('a hasty round does not wait for distant relays', async (t) => {
  const { scheduler, ping } = await round(t, 20, 30, 280);
  const { value, ms } = await inTime(scheduler, ping({ isHasty: true }));
  t.strictSame(
    value.map(({ roundTripsMs }) => roundTripsMs.length),
    [3, 3, 0],
  );
  t.ok(ms < 160, `${ms} ms: half of the turns, and three round trips of the nearest`);
  t.equal(scheduler.armed, 3, "the distant relay's answers only");
});

t.test('what is no answer to a ping is ignored', async (t) => {
  const { scheduler, targets, ping } = await round(t, 1, 1, 1, 1);
  const answers: FakePingTarget['reply'][] = [
    () => new MessageWriter('success', Method.Binding, new Uint8Array(12)).finish(),
    ({ transactionId }) =>
      new MessageWriter('error', Method.Binding, transactionId).errorCode(401).finish(),
    ({ transactionId }) => new MessageWriter('success', Method.Allocate, transactionId).finish(),
    () => Uint8Array.of(0x40, 1, 2, 3),
  ];
  targets.forEach((target, at) => {
    target.reply = answers[at];
  });
  const { value } = await inTime(scheduler, ping());
  t.ok(value.every(({ roundTripsMs }) => roundTripsMs.length === 0));
});

t.test('no route, no family and no address are no error', async (t) => {
  const scheduler = new FakeScheduler();
  const random = (length: number) => new Uint8Array(length);
  const options = { count: 1, timeoutMs: 20, scheduler, random };
  const none = await inTime(scheduler, pingAddresses([], options));
  t.strictSame(none, { value: [], ms: 0 });
  const unroutable = [{ address: '255.255.255.255', port: 9 }];
  const { value } = await inTime(scheduler, pingAddresses(unroutable, options));
  t.strictSame(value, [{ sent: 1, roundTripsMs: [] }]);
  const { value: other } = await inTime(
    scheduler,
    pingAddresses(unroutable, { ...options, from: '::1' }),
  );
  t.strictSame(other, [{ sent: 0, roundTripsMs: [] }], 'not of the family of the local address');
});

/** Returns candidates of the targets, two of them in one region. */
function candidatesOf({ targets }: Round): RelayCandidate[] {
  const regions = ['fra', 'nyc', 'fra', 'sin'];
  return targets.map(({ address }, at) => ({
    id: `${regions[at]}-${at}`,
    region: regions[at] as string,
    addresses: [address],
  }));
}

t.test('Peer.measure returns the relays, nearest first, and latencies by region', async (t) => {
  const made = await round(t, 30, 80, 10, undefined);
  const { scheduler, targets } = made;
  const progress: unknown[] = [];
  const { value } = await inTime(
    scheduler,
    Peer.measure({
      candidates: candidatesOf(made),
      scheduler,
      onProgress: (state) => progress.push(state),
    }),
  );
  t.match(value.relays, [
    { id: 'fra-2', region: 'fra', address: targets[2]?.address, answered: true, sent: 3, lost: 0 },
    { id: 'fra-0', answered: true },
    { id: 'nyc-1', answered: true },
    { id: 'sin-3', answered: false, rttMs: undefined, medianMs: undefined, sent: 3, lost: 3 },
  ]);
  const rounded = Object.entries(value.latencies).map(([region, ms]) => [region, Math.floor(ms)]);
  t.strictSame(rounded.sort(), [
    ['fra', 10],
    ['nyc', 80],
  ]);
  t.match(progress.at(-1), { sent: 12, answered: 9, total: 12 });
  const only = await inTime(
    scheduler,
    Peer.measure({ candidates: candidatesOf(made), region: 'nyc', count: 1, scheduler }),
  );
  t.strictSame(
    only.value.relays.map(({ id }) => id),
    ['nyc-1'],
  );
});

t.test('Peer.measure can be aborted', async (t) => {
  const made = await round(t, undefined);
  const { scheduler } = made;
  const abort = new AbortController();
  scheduler.after(50, () => abort.abort());
  const { value, ms } = await inTime(
    scheduler,
    rejectionOf(Peer.measure({ candidates: candidatesOf(made), scheduler, signal: abort.signal })),
  );
  t.match(value, { code: 'ERR_TURNPIKE_ABORTED' });
  t.ok(ms <= 51, `${ms} ms`);
  t.equal(scheduler.armed, 0);
  const early = Peer.measure({ candidates: [], scheduler, signal: AbortSignal.abort() });
  t.match(await rejectionOf(early), { code: 'ERR_TURNPIKE_ABORTED' });
});

/** Starts a directory with scripted answers by route. */
async function directory(t: Test, answers: Readonly<Record<string, ScriptedAnswer>>) {
  const { url, requests } = await httpServer(
    t,
    ({ method, url: route }) => answers[`${method} ${route}`] ?? { status: 404, body: '{}' },
  );
  return { access: { directoryUrl: url, apiKey: API_KEY }, requests };
}

const json = (body: unknown): ScriptedAnswer => ({ status: 200, body: JSON.stringify(body) });

t.test('the directory names the relays, and is asked again after its time', async (t) => {
  const made = await round(t, 3, 4);
  const { scheduler } = made;
  const answer = json({ relays: candidatesOf(made), validSeconds: 60 });
  const { access, requests } = await directory(t, { 'POST /v1/relays/candidates': answer });
  const measure = async (options: MeasureOptions = {}) => {
    const measured = Peer.measure({ ...access, scheduler, count: 1, ...options });
    return (await inTime(scheduler, measured)).value;
  };
  t.strictSame(Object.keys((await measure()).latencies), ['nyc', 'fra']);
  await measure();
  t.equal(requests.length, 1);
  t.strictSame(JSON.parse(requests[0]?.body ?? ''), {});
  scheduler.skip(60_000);
  await measure();
  t.equal(requests.length, 2);
  await measure({ families: [4], region: 'fra', relays: 2 });
  t.strictSame(JSON.parse(requests[2]?.body ?? ''), {
    peer: { families: [4], region: 'fra' },
    relays: 2,
  });
  await measure({ bind: '127.0.0.1:9' });
  t.strictSame(JSON.parse(requests[3]?.body ?? ''), { peer: { families: [4] } });
});

t.test(
  'a directory without the route is asked for its list, and few of it are taken',
  async (t) => {
    const made = await round(t, 3);
    const { scheduler, targets } = made;
    const addresses = [targets[0]?.address];
    const relays = Array.from({ length: 40 }, (_, at) => ({
      id: `r${at >> 1}-${at}`,
      region: `r${at >> 1}`,
      addresses,
      ...(at < 4 && { reachability: { verdict: 'unreachable' } }),
    }));
    const { access, requests } = await directory(t, { 'GET /v1/relays': json({ relays }) });
    const measure = () => Peer.measure({ ...access, scheduler, count: 1 });
    const { value } = await inTime(scheduler, measure());
    t.equal(value.relays.length, 8);
    t.equal(new Set(value.relays.map(({ region }) => region)).size, 8, 'one of a region');
    t.ok(
      value.relays.every(({ region }) => region !== 'r0' && region !== 'r1'),
      'none in doubt',
    );
    await inTime(scheduler, measure());
    t.strictSame(
      requests.map(({ url }) => url),
      ['/v1/relays/candidates', '/v1/relays'],
      'once a minute',
    );
  },
);

t.test('errors of the directory and of the options have codes', async (t) => {
  const scheduler = new FakeScheduler();
  const refused = await directory(t, {
    'POST /v1/relays/candidates': { status: 401, body: '{"code":"api-key-unknown"}' },
  });
  const failure = (options: MeasureOptions) => rejectionOf(Peer.measure({ scheduler, ...options }));
  t.match(await failure(refused.access), { code: 'ERR_TURNPIKE_DIRECTORY', status: 401 });
  const senseless = await directory(t, {
    'POST /v1/relays/candidates': json({ relays: [{ id: 'A B' }], validSeconds: 60 }),
  });
  t.match(await failure(senseless.access), { code: 'ERR_TURNPIKE_DIRECTORY' });
  const named = { id: 'fra-1', region: 'fra', addresses: [{ address: 'relay.example', port: 9 }] };
  t.match(await failure({ candidates: [named] }), { code: /ERR_TURNPIKE_(ADDRESS|CONFIG)/ });
  for (const options of [
    {},
    { directoryUrl: 'http://127.0.0.1:1' },
    { candidates: [{ id: 'fra-1' }] },
    { candidates: [], count: 0 },
    { candidates: [], timeoutMs: 0.5 },
    { candidates: [], families: [5] },
  ]) {
    const error = await failure(options as MeasureOptions);
    t.match(error, { code: 'ERR_TURNPIKE_CONFIG' }, JSON.stringify(options));
  }
});
