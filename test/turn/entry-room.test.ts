import t from 'tap';
import { ENTRIES_GUARANTEED } from '../../src/turn/entry-room.js';
import { TurnClient, TurnWorld } from './world/index.js';

const PERMISSIONS = 40;

/** 10 allocations with 4 entries each for certain, and 40 entries that they share. */
const LIMITS = {
  allocationsMax: 10,
  userQuota: 8,
  permissionsMax: PERMISSIONS,
  channelsMax: PERMISSIONS,
  entriesMax: 10 * ENTRIES_GUARANTEED + 40,
};

const peerOf = (index: number) => ({ address: `198.51.100.${index}`, port: 4_000 });

/** Installs permissions until one is refused. @returns how many there are */
async function flood(client: TurnClient, most = PERMISSIONS): Promise<number> {
  for (let count = 0; count < most; count += 1) {
    const { code } = await client.permit(peerOf(count));
    if (code === 508) return count;
  }
  return most;
}

/** Returns a client with an allocation. */
async function allocated(world: TurnWorld, port: number, username: string, worker = 1) {
  const client = new TurnClient(world, { port, username, worker });
  if ((await client.allocate()).messageClass !== 'success') throw new Error('no allocation');
  return client;
}

t.test(
  "one user's entries, or a tenant's, leave each other allocation its own, and a part of the rest",
  async (t) => {
    for (const [one, two] of [
      ['mallory', 'mallory'],
      ['mallory/turn/one', 'mallory/turn/two'],
    ] as const) {
      const world = new TurnWorld({ limits: LIMITS });
      const [first, second] = [await allocated(world, 1, one), await allocated(world, 2, two)];
      const held = (await flood(first)) + (await flood(second));
      // Three of the own four are permissions. 30 are three times the 10 that are left.
      t.equal(held, 2 * (ENTRIES_GUARANTEED - 1) + 30);
      for (let port = 3; port <= 10; port += 1) {
        const client = await allocated(world, port, `user${port}`);
        t.equal((await client.bind(0x4000, peerOf(1))).messageClass, 'success');
      }
      const { plane } = world;
      const entries = plane.allocations.size + plane.clientFlows.size + plane.peerFlows.size;
      t.ok(entries <= LIMITS.entriesMax);
    }
  },
);

t.test('entries that end make room again, whatever ends them', async (t) => {
  const world = new TurnWorld({ limits: LIMITS });
  const client = await allocated(world, 1, 'mallory');
  const most = await flood(client);
  for (const end of [
    () => world.pass(301),
    async () => world.turn.setPolicy({ check: () => 'denied' }),
  ]) {
    await end();
    world.turn.setPolicy({ check: () => 'allowed' });
    t.equal(await flood(client), most);
  }
  await client.bind(0x4000, peerOf(0));
  await client.refresh(0);
  t.equal(await flood(await allocated(world, 2, 'mallory')), most);
});

t.test('a refusal of the data plane takes no room', async (t) => {
  const world = new TurnWorld({ limits: LIMITS });
  const client = await allocated(world, 1, 'mallory');
  world.plane.putErrors.set('peer', 'ERR_TURNPIKE_LIMIT');
  for (let count = 0; count < 2 * LIMITS.entriesMax; count += 1) {
    t.equal((await client.permit(peerOf(1))).code, 508);
  }
  world.plane.putErrors.clear();
  t.equal(await flood(client), ENTRIES_GUARANTEED - 1 + 30);
});

t.test('each worker has a table of its own', async (t) => {
  const world = new TurnWorld({ limits: LIMITS });
  const held = [1, 2].map(async (worker) =>
    flood(await allocated(world, worker, 'mallory', worker)),
  );
  const [first, second] = await Promise.all(held);
  t.equal(first, second);
});

t.test('what is there already is prolonged though nothing is free', async (t) => {
  const world = new TurnWorld({ limits: LIMITS });
  const client = await allocated(world, 1, 'mallory');
  await client.bind(0x4000, peerOf(0));
  await flood(client);
  t.equal((await client.permit(peerOf(1))).messageClass, 'success');
  t.equal((await client.bind(0x4000, peerOf(0))).messageClass, 'success');
  t.equal((await client.refresh(600)).messageClass, 'success');
});
