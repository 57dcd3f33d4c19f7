import t, { type Test } from 'tap';
import type { Endpoint } from '../../src/native/endpoints.js';
import type { FiveTuple } from '../../src/native/types.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { checkSteering } from '../steering.js';
import { RELAY_V4, RELAYING, Remote, TestPlane, until } from './planes.js';

const SECONDS = 600;
const TRANSACTION = new Uint8Array(12).fill(9);
const REQUEST = new MessageWriter('request', Method.CreatePermission, TRANSACTION).finish();

/** A client with an allocation, a peer, and a request of the client that waits for an answer. */
class Scene {
  readonly plane: TestPlane;
  readonly client: Remote;
  readonly peer: Remote;
  readonly tuple: FiveTuple;
  readonly worker: number;
  relayed: Endpoint;
  /** When the request was sent. */
  askedAt = 0;

  private constructor(
    parts: Pick<Scene, 'plane' | 'client' | 'peer' | 'tuple' | 'worker' | 'relayed'>,
  ) {
    this.plane = parts.plane;
    this.client = parts.client;
    this.peer = parts.peer;
    this.tuple = parts.tuple;
    this.worker = parts.worker;
    this.relayed = parts.relayed;
  }

  static async open(t: Test): Promise<Scene> {
    const plane = new TestPlane(RELAYING);
    t.teardown(() => plane.plane.close());
    checkSteering(t, plane.plane.steering);
    const [client, peer] = [await Remote.open(), await Remote.open()];
    for (const remote of [client, peer]) t.teardown(() => remote.close());
    const { tuple, worker } = await plane.meet(client);
    const relayed = await plane.plane.openEndpoint({ kind: 'relayed', address: RELAY_V4, worker });
    const scene = new Scene({ plane, client, peer, tuple, worker, relayed });
    scene.allocate();
    return scene;
  }

  get dropped(): number {
    return this.plane.count('send_no_permission') + this.plane.count('peer_no_permission');
  }

  allocate(): void {
    const { plane, worker, tuple, relayed } = this;
    plane.plane.putAllocation({ worker, tuple, relayed: relayed.handle, family: 4 }, SECONDS);
  }

  permit(): void {
    const { plane, relayed, peer, tuple } = this;
    const flow = { relayed: relayed.handle, peer: { ...peer.address, port: 0 } };
    plane.plane.putPeerFlow(flow, { tuple }, SECONDS);
  }

  answer(messageClass: 'success' | 'error'): void {
    const { plane, worker, tuple } = this;
    const writer = new MessageWriter(messageClass, Method.CreatePermission, TRANSACTION);
    plane.plane.send([{ side: 'client', worker, tuple, data: writer.finish() }]);
  }

  fromPeer(text: string): void {
    this.peer.send(this.relayed.address, Buffer.from(text));
  }

  fromClient(text: string): void {
    const writer = new MessageWriter('indication', Method.Send, TRANSACTION);
    writer.address(AttributeType.XorPeerAddress, this.peer.address);
    writer.bytes(AttributeType.Data, Buffer.from(text));
    this.client.send(this.plane.clientAddress(), writer.finish());
  }

  /**
   * Has a request under way and a datagram held.
   * @param send - sends the datagram; it is called again where it came too late to be held
   */
  async hold(send: () => void): Promise<void> {
    const { plane, client } = this;
    await plane.settle(client);
    for (let held = plane.count('early_data'); plane.count('early_data') === held; ) {
      const [punted, dropped] = [plane.punted.length, this.dropped];
      this.askedAt = performance.now();
      client.send(plane.clientAddress(), REQUEST);
      await until(() => plane.punted.length > punted);
      send();
      await until(() => plane.count('early_data') > held || this.dropped > dropped);
    }
  }
}

/** Returns what a client has got: the class of a response, or the payload of a Data indication. */
function textOf(bytes: Uint8Array): string {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error('no STUN message');
  const { message } = decoded;
  if (message.method !== Method.Data) return message.messageClass;
  return Buffer.from(message.get(AttributeType.Data) ?? []).toString();
}

/**
 * Runs an attempt, and again if it took so long that what was held may have been dropped, which
 * happens after 500 ms. @returns the result of the last attempt
 */
async function inTime<T>(t: Test, attempt: (scene: Scene) => Promise<T>): Promise<T> {
  for (;;) {
    const scene = await Scene.open(t);
    const result = await attempt(scene);
    if (performance.now() - scene.askedAt < 400) return result;
  }
}

/** Waits until the client has got `count` datagrams, or one was dropped. @returns their texts */
async function gotByClient({ client, dropped: before, plane }: Scene, count: number) {
  const dropped = () => plane.count('send_no_permission') + plane.count('peer_no_permission');
  await until(() => client.waiting >= count || dropped() > before);
  const got: string[] = [];
  while (client.waiting > 0) got.push(textOf(await client.receive()));
  return got;
}

t.test('a peer’s first datagram follows the answer to the request', async (t) => {
  const got = await inTime(t, async (scene) => {
    await scene.hold(() => scene.fromPeer('first'));
    scene.permit();
    scene.answer('success');
    return gotByClient(scene, 2);
  });
  t.strictSame(got, ['success', 'first']);
});

t.test('no later datagram overtakes one that is held', async (t) => {
  const [client, peer] = await inTime(t, async (scene) => {
    await scene.hold(() => scene.fromPeer('first'));
    scene.permit();
    await scene.plane.settle(scene.client);
    scene.fromPeer('second');
    const byClient = await gotByClient(scene, 2);
    scene.answer('success');
    return [byClient, scene.peer.waiting] as const;
  });
  t.strictSame(client, ['first', 'second']);
  t.equal(peer, 0);
});

t.test('what a client sends leaves as soon as there is a permission, in order', async (t) => {
  const got = await inTime(t, async (scene) => {
    const { plane, peer } = scene;
    await scene.hold(() => scene.fromClient('first'));
    scene.permit();
    await plane.settle(scene.client);
    scene.fromClient('second');
    await until(() => peer.waiting === 2 || scene.dropped > 0);
    const texts: string[] = [];
    while (peer.waiting > 0) texts.push((await peer.receive()).toString());
    return texts;
  });
  t.strictSame(got, ['first', 'second']);
});

t.test('a refusal drops what was held for it at once', async (t) => {
  for (const from of ['fromClient', 'fromPeer'] as const) {
    const scene = await Scene.open(t);
    await scene.hold(() => scene[from]('early'));
    const { dropped } = scene;
    scene.answer('error');
    await until(() => scene.dropped === dropped + 1);
    scene.permit();
    await scene.plane.settle(scene.client);
    scene[from]('late');
    const to = from === 'fromClient' ? scene.peer : scene.client;
    const texts: string[] = [];
    while (texts.at(-1) !== 'late') {
      const got = await to.receive();
      texts.push(from === 'fromClient' ? got.toString() : textOf(got));
    }
    t.notOk(texts.includes('early'), texts.join());
  }
});

t.test('an allocation gets nothing that was sent to the one before it', async (t) => {
  const scene = await Scene.open(t);
  const { plane, peer, tuple, worker, relayed } = scene;
  await scene.hold(() => scene.fromClient('old'));
  const { dropped } = scene;
  plane.plane.removeAllocation({ worker, tuple, relayed: relayed.handle, family: 4 });
  scene.relayed = await plane.plane.openEndpoint({ kind: 'relayed', address: RELAY_V4, worker });
  scene.allocate();
  scene.permit();
  await plane.settle(scene.client);
  t.equal(scene.dropped, dropped + 1);
  scene.fromClient('new');
  await until(() => peer.waiting > 0);
  t.equal((await peer.receive()).toString(), 'new');
  t.equal(peer.waiting, 0);
});

t.test('what has no answer is dropped and counted in time, without other traffic', async (t) => {
  const scene = await Scene.open(t);
  await scene.hold(() => scene.fromClient('early'));
  const { dropped } = scene;
  await until(() => scene.dropped === dropped + 1);
  t.equal(scene.peer.waiting, 0);
});

t.test(
  'requests of a client without an allocation, and other requests, hold nothing',
  async (t) => {
    const scene = await Scene.open(t);
    const { plane, client, worker, tuple, relayed } = scene;
    const ask = async (request: Uint8Array) => {
      const punted = plane.punted.length;
      client.send(plane.clientAddress(), request);
      await until(() => plane.punted.length > punted);
    };
    await ask(new MessageWriter('request', Method.Refresh, TRANSACTION).finish());
    scene.fromClient('early');
    await until(() => plane.count('send_no_permission') === 1);
    plane.plane.removeAllocation({ worker, tuple, relayed: relayed.handle, family: 4 });
    await plane.settle(client);
    await ask(REQUEST);
    scene.fromPeer('early');
    await until(() => plane.count('peer_no_permission') === 1);
    t.equal(plane.count('early_data'), 0);
  },
);
