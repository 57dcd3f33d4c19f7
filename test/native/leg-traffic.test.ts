import t from 'tap';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { bindingRequest, Remote, TestPlane, until } from './planes.js';

const CHANNEL = 0x4000;
const PAYLOAD = Buffer.from('12345');

t.test('flows and sessions count packets and bytes, whichever worker has them', async (t) => {
  const [left, right] = [new TestPlane(), new TestPlane()];
  left.joinPlane(3, right);
  right.joinPlane(5, left);
  const legs: { a: Remote; b: Remote; from: number; index: number }[] = [];
  for (let index = 0; index < 8; index++) {
    const [a, b] = [await Remote.open(), await Remote.open()];
    const [seenA, seenB] = [await left.meet(a), await right.meet(b)];
    const flowA = { ...seenA, channel: CHANNEL };
    t.equal(left.plane.flowTraffic(flowA), undefined, 'undefined without an entry');
    left.plane.putClientFlow(flowA, { type: 'trunk', relayIndex: 3, sessionIndex: index });
    right.plane.putSession(index, { relayIndex: 5, tuple: seenB.tuple, channel: CHANNEL });
    await left.settle(a);
    await right.settle(b);
    const nothing = { packets: 0, payloadBytes: 0, idleSeconds: undefined };
    t.same(left.plane.flowTraffic(flowA), nothing);
    t.same(right.plane.sessionTraffic(index), nothing);
    legs.push({ a, b, from: left.plane.flowMeter(flowA) as number, index });
    for (let packet = 0; packet <= index; packet++) {
      a.send(left.clientAddress(), encodeChannelData(CHANNEL, PAYLOAD));
      await b.receive();
    }
    t.match(left.plane.flowTraffic(flowA), { packets: index + 1, payloadBytes: 5 * (index + 1) });
    t.match(right.plane.sessionTraffic(index), { packets: index + 1, idleSeconds: Number });
  }
  for (const { a, b, from, index } of legs) {
    t.equal(left.plane.flowPackets(from), index + 1, 'each counts only its own');
    t.equal(right.plane.sessionPackets(index), index + 1);
    a.close();
    b.close();
  }
  await left.plane.close();
  await right.plane.close();
});

t.test(
  'a repeated put keeps the counts of a flow, and a put after a removal starts at 0',
  async (t) => {
    const relay = new TestPlane({ clientFlowsMax: 2 });
    const [a, b] = [await Remote.open(), await Remote.open()];
    const [seenA, seenB] = [await relay.meet(a), await relay.meet(b)];
    const flow = { ...seenA, channel: CHANNEL };
    const put = async () => {
      relay.plane.putClientFlow(flow, { type: 'client', tuple: seenB.tuple, channel: CHANNEL });
      await relay.settle(a);
    };
    const send = async () => {
      a.send(relay.clientAddress(), encodeChannelData(CHANNEL, PAYLOAD));
      await b.receive();
    };
    await put();
    await send();
    t.match(relay.plane.flowTraffic(flow), { packets: 1, payloadBytes: 5 });
    await put();
    await send();
    t.match(relay.plane.flowTraffic(flow), { packets: 2 }, 'after a repeated put');
    relay.plane.removeClientFlow(flow);
    t.equal(relay.plane.flowTraffic(flow), undefined);
    t.equal(relay.plane.flowMeter(flow), undefined);
    await put();
    t.match(relay.plane.flowTraffic(flow), { packets: 0, payloadBytes: 0 });
    // So few at once that no buffer is full.
    for (let rounds = 0; rounds < 11; rounds++) {
      const punted = relay.punted.length;
      for (let i = 0; i < 100; i++) a.send(relay.clientAddress(), bindingRequest());
      await until(() => relay.punted.length === punted + 100);
    }
    await send();
    t.match(relay.plane.flowTraffic(flow), { packets: 1 }, 'punted datagrams are not counted');
    a.close();
    b.close();
    await relay.plane.close();
  },
);
