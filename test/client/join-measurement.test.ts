import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { type RelayCandidate, Rendezvous, type RendezvousOptions } from '../../src/client/index.js';
import { JOIN_MEASURE_MS } from '../../src/client/join-hints.js';
import {
  joinLatencies,
  MEASURED_MS,
  UNMEASURED_MS,
  UNNAMED_MS,
} from '../../src/client/join-measurement.js';
import { type FakePingTarget, fakePingTarget } from './support/fake-ping-target.js';
import { type FakeRendezvous, fakeRendezvous } from './support/fake-rendezvous.js';
import { FakeScheduler } from './support/fake-scheduler.js';
import { API_KEY } from './support/http-server.js';
import { delivered, until } from './support/until.js';

interface Scene {
  readonly fake: FakeRendezvous;
  readonly scheduler: FakeScheduler;
  readonly targets: readonly FakePingTarget[];
  readonly access: { readonly directoryUrl: string; readonly apiKey: string };
  /** Pings of earlier rounds. */
  pingsSeen: number;
}

/** Makes a directory that names relays with these round trips; undefined for a firewall. */
async function scene(t: Test, ...roundTrips: readonly (number | undefined)[]): Promise<Scene> {
  const fake = await fakeRendezvous(t);
  const scheduler = new FakeScheduler();
  const targets = await Promise.all(
    roundTrips.map((each) => fakePingTarget(t, scheduler, () => each)),
  );
  fake.candidates = targets.map(
    ({ address }, at): RelayCandidate => ({
      id: `r${at}-1`,
      region: `r${at}`,
      addresses: [address],
    }),
  );
  const access = { directoryUrl: fake.url, apiKey: API_KEY };
  return { fake, scheduler, targets, access, pingsSeen: 0 };
}

/**
 * Waits until a condition holds. Fake time passes only once relays are pinged, because what comes
 * before is the directory's answer, in real time.
 */
async function passUntil(made: Scene, isDone: () => boolean): Promise<void> {
  const { scheduler, targets } = made;
  const pings = () => targets.reduce((sum, each) => sum + each.pings.length, 0);
  await until('it pings or is done', () => isDone() || pings() > made.pingsSeen);
  await until('it is done', async () => {
    for (let ms = 0; ms < 10 && !isDone(); ms += 1) {
      scheduler.advance(1);
      await delivered();
    }
    return isDone();
  });
  made.pingsSeen = pings();
}

/** Begins to join a room; that takes fake time. */
function begin(t: Test, made: Scene, options: Partial<RendezvousOptions> = {}) {
  const { access, scheduler } = made;
  const opening = Rendezvous.open({ ...access, room: 'lunch', scheduler, ...options });
  t.teardown(async () => (await opening).close());
  return { opening };
}

/** Waits for the nth join of the first socket. @returns the hints in it */
async function joined(made: Scene, nth = 0, socket = 0) {
  const joins = () => made.fake.members[socket]?.of('join') ?? [];
  await passUntil(made, () => joins().length > nth);
  return joins()[nth]?.peer as Record<string, unknown> | undefined;
}

t.test('a join tells the latencies that were measured meanwhile', async (t) => {
  const made = await scene(t, 40, 10, undefined);
  begin(t, made);
  const { latencies } = (await joined(made)) as { latencies: Record<string, number> };
  t.strictSame(Object.keys(latencies).sort(), ['r0', 'r1']);
  t.ok((latencies.r0 ?? 0) >= 40 && (latencies.r1 ?? 0) >= 10);
  t.ok((latencies.r0 ?? 0) > (latencies.r1 ?? 0), JSON.stringify(latencies));
});

t.test('nothing is measured where the application knows better', async (t) => {
  for (const options of [
    { measure: false },
    { hints: { latencies: { fra: 7 } } },
    { hints: { region: 'fra' } },
  ]) {
    const made = await scene(t, 10);
    begin(t, made, options);
    const peer = await joined(made);
    t.strictSame(peer?.latencies, options.hints?.latencies, JSON.stringify(options));
    t.equal(made.fake.asked(), 0);
    t.equal(made.targets[0]?.pings.length, 0);
  }
});

t.test('a firewall delays a join by 300 ms and no more, and fails nothing', async (t) => {
  const made = await scene(t, undefined, undefined);
  const { scheduler } = made;
  begin(t, made);
  await until('it pings', () => made.targets[0]?.pings.length === 1);
  const startedMs = scheduler.monotonic();
  const peer = await joined(made);
  t.notOk(peer?.latencies);
  const ms = scheduler.monotonic() - startedMs;
  t.ok(ms <= JOIN_MEASURE_MS + 1, `${ms} ms`);
});

t.test(
  'a directory without the route is joined, by the list of its relays if it has one',
  async (t) => {
    const made = await scene(t, 10);
    made.fake.candidates = undefined;
    begin(t, made);
    t.notOk((await joined(made))?.latencies);
    const listing = await scene(t, 10);
    listing.fake.candidates = undefined;
    listing.fake.relays = [listing.targets[0]?.address ?? { address: '127.0.0.1', port: 9 }];
    begin(t, listing);
    await until('it joined', () => {
      listing.scheduler.advance(1);
      return (listing.fake.members[0]?.of('join').length ?? 0) > 0;
    });
  },
);

t.test('peers of a process share a measurement, and a later join does not repeat it', async (t) => {
  const made = await scene(t, 5);
  const { fake, targets } = made;
  begin(t, made);
  begin(t, made);
  t.ok((await joined(made, 0, 0))?.latencies);
  t.ok((await joined(made, 0, 1))?.latencies);
  t.equal(fake.asked(), 1);
  t.equal(targets[0]?.pings.length, 3);
  begin(t, made);
  t.ok((await joined(made, 0, 2))?.latencies);
  t.equal(targets[0]?.pings.length, 3);
});

t.test('a join after ten minutes measures again', async (t) => {
  const made = await scene(t, 5);
  const { fake, scheduler, targets } = made;
  const { opening } = begin(t, made);
  await joined(made);
  const rendezvous = await opening;
  const first = rendezvous.next();
  fake.members[0]?.sendConnection('1');
  await first;
  scheduler.skip(MEASURED_MS);
  // A sign of life, so that the socket does not count as lost.
  fake.members[0]?.ping();
  await delivered();
  const second = rendezvous.next();
  const hints = await joined(made, 1);
  t.ok(hints?.latencies);
  t.equal(targets[0]?.pings.length, 6);
  fake.members[0]?.sendConnection('2');
  t.equal((await second).grant.connectionId, '2'.repeat(32));
});

t.test('a measurement counts for its network and its time', async (t) => {
  const made = await scene(t, 5);
  const { access, fake, scheduler, targets } = made;
  let addresses = new Set(['192.0.2.7']);
  const ask = async () => {
    let latencies: object | undefined;
    void joinLatencies({
      ...{ access, families: undefined, from: undefined, scheduler, random: randomBytes },
      network: () => addresses,
    }).then((found) => {
      latencies = found;
    });
    await passUntil(made, () => latencies !== undefined);
    return { latencies, pings: targets[0]?.pings.length, asked: fake.asked() };
  };
  t.match(await ask(), { latencies: { r0: Number }, pings: 3, asked: 1 });
  t.match(await ask(), { pings: 3, asked: 1 });
  addresses = new Set(['192.0.2.7', '198.51.100.9']);
  t.match(await ask(), { pings: 6, asked: 1 }, 'another network; the candidates still count');
  scheduler.skip(MEASURED_MS);
  t.match(await ask(), { pings: 9, asked: 2 });
  const [target] = targets;
  if (target !== undefined) target.roundTripMs = () => undefined;
  scheduler.skip(MEASURED_MS);
  t.match(await ask(), { latencies: {}, pings: 12 }, 'nothing is answered');
  t.match(await ask(), { latencies: {}, pings: 12 });
  scheduler.skip(UNMEASURED_MS);
  t.match(await ask(), { pings: 15 }, 'tried again after a minute');
});

t.test('a directory that names no relays is asked again after ten seconds', async (t) => {
  const made = await scene(t, 5);
  const { access, fake, scheduler } = made;
  const named = fake.candidates;
  fake.candidates = undefined;
  const ask = async () => {
    const options = { access, families: undefined, from: undefined, scheduler };
    let latencies: object | undefined;
    void joinLatencies({ ...options, random: randomBytes }).then((found) => {
      latencies = found;
    });
    await passUntil(made, () => latencies !== undefined);
    return latencies;
  };
  t.strictSame(await ask(), {});
  const asked = fake.asked();
  fake.candidates = named;
  t.strictSame(await ask(), {});
  t.equal(fake.asked(), asked);
  scheduler.skip(UNNAMED_MS);
  t.match(await ask(), { r0: Number });
});
