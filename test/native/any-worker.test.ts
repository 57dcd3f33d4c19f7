import t from 'tap';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { Remote, TestPlane, until, V4 } from './planes.js';

const CHANNEL = 0x4000;
const REMOTES = 24;

t.test(
  'a flow in every worker forwards the first packet, whichever worker receives it',
  async (t) => {
    const test = new TestPlane({ clientAddresses: [V4], workers: 4 });
    const { plane } = test;
    t.teardown(() => plane.close());
    const sink = await Remote.open(V4);
    const remotes = await Promise.all(Array.from({ length: REMOTES }, () => Remote.open(V4)));
    t.teardown(() => {
      for (const remote of [sink, ...remotes]) remote.close();
    });
    const toSink = { handle: listenerHandle('client', 0), remote: sink.address };
    const flows = remotes.map(({ address }) => {
      return {
        worker: 'any',
        tuple: { handle: listenerHandle('client', 0), remote: address },
        channel: CHANNEL,
      } as const;
    });
    for (const flow of flows) {
      plane.putClientFlow(flow, { type: 'client', tuple: toSink, channel: CHANNEL });
    }
    await test.settle(sink);
    for (const remote of remotes) {
      remote.send(test.clientAddress(), encodeChannelData(CHANNEL, Buffer.from('first')));
    }
    for (let i = 0; i < REMOTES; i++) await sink.receive();
    t.equal(test.count('client_to_client'), REMOTES);
    t.equal(test.count('client_punted'), 0, 'without a request before it');
    t.equal(test.count('channel_unknown'), 0);
    const [flow] = flows;
    if (flow === undefined) throw new Error('no flow');
    t.match(plane.flowTraffic(flow), { packets: 1, payloadBytes: 5, idleSeconds: Number });
    t.equal(plane.flowMeter(flow), undefined);

    for (const each of flows) plane.removeClientFlow(each);
    await test.settle(sink);
    for (const remote of remotes) {
      remote.send(test.clientAddress(), encodeChannelData(CHANNEL, Buffer.from('late')));
    }
    await until(() => test.count('channel_unknown') === REMOTES);
    t.equal(test.count('client_to_client'), REMOTES, 'removed from every worker');
    t.equal(plane.flowTraffic(flow), undefined);
  },
);

t.test('a flow for all workers is refused in all if one worker’s table is full', async (t) => {
  const test = new TestPlane({ clientAddresses: [V4], workers: 2, clientFlowsMax: 1 });
  const { plane } = test;
  t.teardown(() => plane.close());
  const tuple = (port: number) => ({
    handle: listenerHandle('client', 0),
    remote: { address: '127.0.0.1', port },
  });
  const action = { type: 'client', tuple: tuple(9), channel: CHANNEL } as const;
  plane.putClientFlow({ worker: 1, tuple: tuple(1), channel: CHANNEL }, action);
  t.throws(
    () => plane.putClientFlow({ worker: 'any', tuple: tuple(2), channel: CHANNEL }, action),
    { code: 'ERR_TURNPIKE_LIMIT' },
  );
  plane.putClientFlow({ worker: 0, tuple: tuple(3), channel: CHANNEL }, action);
  t.pass('the other worker still has room');
});
