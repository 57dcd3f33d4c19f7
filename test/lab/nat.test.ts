import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import {
  Lab,
  type LabHost,
  type LabNat,
  labSupport,
  NAT_BEHAVIOURS,
  type NatBehaviour,
} from '../../src/lab/index.js';
import { Agent, type AgentSocket } from './agent.js';

/** The mapping and filtering of each behaviour (RFC 4787 sections 4.1 and 5). */
const PROMISES = {
  'full-cone': { sameMapping: true, otherPortPasses: true, otherAddressPasses: true },
  'address-restricted': { sameMapping: true, otherPortPasses: true, otherAddressPasses: false },
  'port-restricted': { sameMapping: true, otherPortPasses: false, otherAddressPasses: false },
  symmetric: { sameMapping: false, otherPortPasses: false, otherAddressPasses: false },
} as const satisfies Record<NatBehaviour, unknown>;

const support = labSupport();
const skip = { skip: !support.ok && support.why };

function at(host: LabHost, socket: AgentSocket, family: 4 | 6 = 4): TransportAddress {
  return { address: host.addresses[family] ?? '', port: socket.port };
}

/** A public host and the agent in it. */
interface Outside {
  readonly host: LabHost;
  readonly agent: Agent;
}

/** A NAT, the host behind it, and two public hosts. */
interface Scene {
  readonly nat: LabNat;
  readonly inside: LabHost;
  readonly agent: Agent;
  readonly outside: readonly [Outside, Outside];
}

/** Sends a datagram from the inside. @returns its source address on arrival */
async function mappingOf(
  inner: AgentSocket,
  outer: AgentSocket,
  to: TransportAddress,
): Promise<TransportAddress> {
  const text = `map ${outer.port} ${Math.random()}`;
  await inner.send(to, text);
  return (await outer.receive(text)).from;
}

async function checkMapping(t: Test, { nat, agent, outside }: Scene): Promise<void> {
  const inner = await agent.open(4);
  const ports = new Set<number>();
  for (const { host, agent: far } of [...outside, ...outside]) {
    const outer = await far.open(4);
    const from = await mappingOf(inner, outer, at(host, outer));
    t.equal(from.address, nat.addresses[4], 'the source address is that of the NAT');
    ports.add(from.port);
  }
  // Random ports may be equal, but hardly all four.
  const { sameMapping } = PROMISES[nat.behaviour];
  t.equal(ports.size === 1, sameMapping, 'one mapping for all destinations, or one for each');
}

async function checkFiltering(t: Test, { nat, agent, outside: [a, b] }: Scene): Promise<void> {
  const promise = PROMISES[nat.behaviour];
  const inner = await agent.open(4);
  const contacted = await a.agent.open(4);
  const otherPort = await a.agent.open(4);
  const otherAddress = await b.agent.open(4);
  const mapped = await mappingOf(inner, contacted, at(a.host, contacted));
  await otherPort.send(mapped, 'other port');
  await otherAddress.send(mapped, 'other address');
  if (promise.otherAddressPasses) await inner.receive('other address');
  await contacted.send(mapped, 'asked for');
  await inner.receive('asked for');
  t.equal(inner.texts.includes('other port'), promise.otherPortPasses, 'other port');
  t.equal(inner.texts.includes('other address'), promise.otherAddressPasses, 'other address');
  const later = await mappingOf(inner, otherAddress, at(b.host, otherAddress));
  if (promise.sameMapping) t.same(later, mapped, 'unsolicited packets do not change the mapping');
  await otherAddress.send(later, 'now asked for');
  await inner.receive('now asked for');
}

async function checkIpv6(t: Test, { inside, agent, outside: [a, b] }: Scene): Promise<void> {
  const inner = await agent.open(6);
  const contacted = await a.agent.open(6);
  const stranger = await b.agent.open(6);
  const from = await mappingOf(inner, contacted, at(a.host, contacted, 6));
  t.same(from, at(inside, inner, 6), 'no translation');
  await stranger.send(from, 'stranger');
  await contacted.send(from, 'asked for');
  await inner.receive('asked for');
  t.notOk(inner.texts.includes('stranger'), 'an unsolicited datagram is dropped');
}

t.test('each NAT has the mapping and the filtering of its behaviour', skip, async (t) => {
  const lab = new Lab();
  t.teardown(() => lab.close());
  const hosts = [lab.host('a'), lab.host('b')] as const;
  const boxes = NAT_BEHAVIOURS.map((behaviour) => {
    const nat = lab.nat(`nat-${behaviour}`, { behaviour });
    return { nat, inside: lab.host(`in-${behaviour}`, { behind: nat }) };
  });
  await lab.up();
  const [a, b] = hosts.map((host) => ({ host, agent: new Agent(lab, host) }));
  if (a === undefined || b === undefined) throw new Error('two hosts make two agents');
  for (const { nat, inside } of boxes) {
    const scene = { nat, inside, agent: new Agent(lab, inside), outside: [a, b] as const };
    t.test(`${nat.behaviour}: mapping`, (t) => checkMapping(t, scene));
    t.test(`${nat.behaviour}: filtering`, (t) => checkFiltering(t, scene));
    t.test(`${nat.behaviour}: IPv6 is routed behind a firewall`, (t) => checkIpv6(t, scene));
  }
});

t.test('two hosts behind one port-restricted NAT keep their ports', skip, async (t) => {
  const lab = new Lab();
  t.teardown(() => lab.close());
  const hosts = [lab.host('a'), lab.host('b')];
  const nat = lab.nat('nat', { behaviour: 'port-restricted', families: [4] });
  const inner = [lab.host('in-0', { behind: nat }), lab.host('in-1', { behind: nat })];
  await lab.up();
  const outer = await Promise.all(hosts.map((host) => new Agent(lab, host).open(4)));
  const sockets = await Promise.all(inner.map((host) => new Agent(lab, host).open(4)));
  t.not(sockets[0]?.port, sockets[1]?.port, 'different ephemeral ports');
  for (const socket of sockets) {
    for (const [k, host] of hosts.entries()) {
      const there = outer[k];
      if (there === undefined) throw new Error('an outer socket for each host');
      const from = await mappingOf(socket, there, at(host, there));
      t.same(from, { address: nat.addresses[4], port: socket.port });
    }
  }
});
