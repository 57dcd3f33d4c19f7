import t from 'tap';
import { DATA_PLANE_LIMITS } from '../../src/native/interface.js';
import { UserBandwidth } from '../../src/turn/user-bandwidth.js';
import { TurnClient, TurnWorld } from './world/index.js';

const PEER = { address: '198.51.100.7', port: 4_000 };

function scene(userBandwidth: number) {
  const world = new TurnWorld({ userBandwidth });
  const client = (port: number, username: string) => new TurnClient(world, { port, username });
  return { world, client, bandwidths: world.plane.bandwidths };
}

t.test(
  'all allocations of a user have one bucket, whatever the expiry in the username',
  async (t) => {
    const { world, client, bandwidths } = scene(1_000);
    await client(1, '9999999999:alice').allocate();
    await client(2, '9999999998:alice').allocate();
    await client(3, 'bob').allocate();
    const buckets = [...world.plane.allocations.values()].map(({ action }) => action.bucket);
    t.strictSame(buckets, [1, 1, 2]);
    t.strictSame(
      [...bandwidths],
      [
        [1, 1_000],
        [2, 1_000],
      ],
    );
  },
);

t.test('permissions and channels have the bucket of their allocation, both ways', async (t) => {
  const { world, client } = scene(1_000);
  await client(1, 'bob').allocate();
  const alice = client(2, 'alice');
  await alice.allocate();
  await alice.permit(PEER);
  await alice.bind(0x4000, PEER);
  await alice.bind(0x4000, PEER);
  const { clientFlows, peerFlows } = world.plane;
  t.strictSame(
    [...clientFlows.values()].map(({ action }) => action),
    [{ type: 'peer', relayed: [...world.plane.endpoints.keys()][1], peer: PEER, bucket: 2 }],
  );
  t.strictSame(
    [...peerFlows.values()].map(({ action }) => action.bucket),
    [2, 2],
  );
});

t.test('a bucket is free for another user after the last allocation of a user', async (t) => {
  const { world, client, bandwidths } = scene(1_000);
  const [first, second] = [client(1, 'alice'), client(2, 'alice')];
  await first.allocate();
  await second.allocate();
  await first.refresh(0);
  t.strictSame([...bandwidths.keys()], [1]);
  await second.refresh(0);
  t.strictSame([...bandwidths.keys()], []);
  await client(3, 'bob').allocate();
  t.strictSame([...bandwidths.keys()], [1]);
  await world.pass(700);
  t.equal(world.turn.allocations, 0);
  t.strictSame([...bandwidths.keys()], [], 'the end of a lifetime frees it, too');
});

t.test('an Allocate that fails leaves no bucket behind', async (t) => {
  const { world, client, bandwidths } = scene(1_000);
  world.plane.putErrors.set('allocation', 'ERR_TURNPIKE_LIMIT');
  t.equal((await client(1, 'alice').allocate()).code, 508);
  t.strictSame([...bandwidths.keys()], []);
});

t.test('a bound that changes holds for live allocations', async (t) => {
  const { world, client, bandwidths } = scene(0);
  await client(1, 'alice').allocate();
  t.strictSame([...bandwidths], []);
  world.turn.setUserBandwidth(5_000);
  t.strictSame([...bandwidths], [[1, 5_000]]);
  await client(2, 'bob').allocate();
  t.equal(bandwidths.get(2), 5_000);
  world.turn.setUserBandwidth(0);
  t.strictSame([...bandwidths], []);
});

t.test('users are bounded by the buckets of the data plane, and none is lost', async (t) => {
  const bandwidth = new UserBandwidth({ setBandwidth: () => {} }, 0);
  const { bandwidthBucketsMax } = DATA_PLANE_LIMITS;
  for (let user = 1; user <= bandwidthBucketsMax; user += 1) {
    if (bandwidth.hold({ user: `${user}` }) !== user) t.fail(`bucket of user ${user}`);
  }
  t.equal(bandwidth.hold({ user: 'further' }), undefined);
  t.equal(bandwidth.hold({ user: '7' }), 7, 'a further allocation of a user needs none');
  bandwidth.release('7');
  t.equal(bandwidth.hold({ user: 'further' }), undefined);
  bandwidth.release('7');
  t.equal(bandwidth.hold({ user: 'further' }), 7);
  t.equal(bandwidth.users, bandwidthBucketsMax);
});

t.test('what exceeds the bandwidth is told when the allocation ends', async (t) => {
  const events: unknown[] = [];
  const world = new TurnWorld({ userBandwidth: 1, onEvent: (event) => events.push(event) });
  const alice = new TurnClient(world, { port: 1, username: 'alice' });
  await alice.allocate();
  await alice.permit(PEER);
  await alice.bind(0x4000, PEER);
  const { plane } = world;
  const [handle = 0] = plane.endpoints.keys();
  plane.overBandwidth.set(`${handle}`, 1);
  for (const port of [0, PEER.port]) {
    const key = [...plane.peerFlows.keys()].find((each) => each.endsWith(`:${port}`)) ?? '';
    plane.overBandwidth.set(key, 10);
  }
  for (const key of plane.clientFlows.keys()) plane.overBandwidth.set(key, 100);
  await alice.refresh(0);
  t.match(events.at(-1), { type: 'ended', traffic: { packetsOverBandwidth: 121 } });
});
