import t from 'tap';
import type { TransportAddress } from '../../src/address.js';
import {
  Lab,
  type LabHost,
  labSupport,
  NAT_BEHAVIOURS,
  type NatBehaviour,
} from '../../src/lab/index.js';
import { Agent, type AgentSocket } from './agent.js';

/** RFC 4787 sections 4.1 and 5: what each name promises. */
const PROMISES = {
  'full-cone': { sameMapping: true, otherPortPasses: true, otherAddressPasses: true },
  'address-restricted': { sameMapping: true, otherPortPasses: true, otherAddressPasses: false },
  'port-restricted': { sameMapping: true, otherPortPasses: false, otherAddressPasses: false },
  symmetric: { sameMapping: false, otherPortPasses: false, otherAddressPasses: false },
} as const satisfies Record<NatBehaviour, unknown>;

const support = labSupport();

function at(host: LabHost, socket: AgentSocket, family: 4 | 6 = 4): TransportAddress {
  return { address: host.addresses[family] ?? '', port: socket.port };
}

t.test('NATs behave as they are called', { skip: !support.ok && support.why }, async (t) => {
  const lab = Lab.create();
  t.teardown(() => lab.close());
  const hostA = lab.host('a');
  const hostB = lab.host('b');
  const boxes = NAT_BEHAVIOURS.map((behaviour) => {
    const nat = lab.nat(`nat-${behaviour}`, { behaviour });
    const inside = lab.host(`in-${behaviour}`, { behind: nat });
    return { behaviour, nat, inside };
  });
  await lab.up();
  const a = new Agent(lab, hostA);
  const b = new Agent(lab, hostB);
  const agents = new Map(boxes.map(({ inside }) => [inside, new Agent(lab, inside)]));

  /** Sends `text` from the inside and tells what address it had when it arrived. */
  async function mappingOf(inner: AgentSocket, outer: AgentSocket, host: LabHost, family: 4 | 6) {
    const text = `map ${outer.port} ${Math.random()}`;
    await inner.send(at(host, outer, family), text);
    return (await outer.receive(text)).from;
  }

  for (const { behaviour, nat, inside } of boxes) {
    const promise = PROMISES[behaviour];
    const agent = agents.get(inside);
    if (agent === undefined) throw new Error('every inner host has an agent');

    t.test(`${behaviour}: mapping`, async (t) => {
      const inner = await agent.open(4);
      const ports = new Set<number>();
      for (const [outerAgent, host] of [
        [a, hostA],
        [a, hostA],
        [b, hostB],
        [b, hostB],
      ] as const) {
        const from = await mappingOf(inner, await outerAgent.open(4), host, 4);
        t.equal(from.address, nat.addresses[4], 'the NAT hides the inner address');
        ports.add(from.port);
      }
      // Four random ports may hold one pair of equals, but never four.
      t.equal(ports.size === 1, promise.sameMapping, 'the mapping depends on the far end or not');
    });

    t.test(`${behaviour}: filtering`, async (t) => {
      const inner = await agent.open(4);
      const contacted = await a.open(4);
      const otherPort = await a.open(4);
      const otherAddress = await b.open(4);
      const mapped = await mappingOf(inner, contacted, hostA, 4);
      await otherPort.send(mapped, 'other port');
      await otherAddress.send(mapped, 'other address');
      await contacted.send(mapped, 'asked for');
      await inner.receive('asked for');
      t.equal(inner.texts.includes('other port'), promise.otherPortPasses, 'other port');
      t.equal(inner.texts.includes('other address'), promise.otherAddressPasses, 'other address');
      const later = await mappingOf(inner, otherAddress, hostB, 4);
      t.equal(
        later.port === mapped.port,
        promise.sameMapping,
        'an unsolicited packet does not shift the mapping',
      );
      await otherAddress.send(later, 'now asked for');
      await inner.receive('now asked for');
    });

    t.test(`${behaviour}: IPv6 is routed behind a stateful firewall`, async (t) => {
      const inner = await agent.open(6);
      const contacted = await a.open(6);
      const stranger = await b.open(6);
      const from = await mappingOf(inner, contacted, hostA, 6);
      t.same(from, at(inside, inner, 6), 'no translation');
      await stranger.send(from, 'stranger');
      await contacted.send(from, 'asked for');
      await inner.receive('asked for');
      t.notOk(inner.texts.includes('stranger'), 'unsolicited is dropped');
    });
  }
});

t.test(
  'two hosts behind one cone keep their mappings',
  {
    skip: !support.ok && support.why,
  },
  async (t) => {
    const lab = Lab.create();
    t.teardown(() => lab.close());
    const hosts = [lab.host('a'), lab.host('b')];
    const nat = lab.nat('nat', { behaviour: 'port-restricted', families: [4] });
    const inner = [lab.host('in-0', { behind: nat }), lab.host('in-1', { behind: nat })];
    await lab.up();
    const outer = await Promise.all(hosts.map((host) => new Agent(lab, host).open(4)));
    const sockets = await Promise.all(inner.map((host) => new Agent(lab, host).open(4)));
    t.strictNotSame(sockets[0]?.port, sockets[1]?.port, 'their ephemeral ports are apart');
    for (const [i, socket] of sockets.entries()) {
      for (const [k, host] of hosts.entries()) {
        const there = outer[k];
        if (there === undefined) throw new Error('an outer socket for each host');
        await socket.send(at(host, there), `hello ${i}`);
        const { from } = await there.receive(`hello ${i}`);
        t.same(from, { address: nat.addresses[4], port: socket.port });
      }
    }
  },
);
