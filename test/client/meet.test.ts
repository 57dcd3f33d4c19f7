import { once } from 'node:events';
import t, { type Test } from 'tap';
import { AVOIDED_MS, AvoidedWhileConnecting } from '../../src/client/avoided-relays.js';
import { type JoinProgress, Peer, Rendezvous } from '../../src/client/index.js';
import { TurnpikeError } from '../../src/errors.js';
import { Method } from '../../src/stun/methods.js';
import { FakeRelay } from './support/fake-relay.js';
import { type FakeMember, fakeRendezvous } from './support/fake-rendezvous.js';
import { FakeScheduler } from './support/fake-scheduler.js';
import { API_KEY } from './support/http-server.js';
import { rejectionOf, until } from './support/until.js';

const THEIRS = { address: '198.51.100.9', port: 51_820 };

interface MeetScene {
  readonly relay: FakeRelay;
  readonly rendezvous: Rendezvous;
  readonly member: FakeMember;
  /** Sends the member a connection at the fake relay, with the relay's only identifier. */
  readonly introduce: () => void;
  readonly sendPeerAddress: () => void;
}

/** Opens a fake relay, and a rendezvous with a fake directory. */
async function meeting(t: Test): Promise<MeetScene> {
  const relay = await FakeRelay.open();
  t.teardown(() => relay.close());
  const fake = await fakeRendezvous(t);
  const rendezvous = await Rendezvous.open({
    directoryUrl: fake.url,
    apiKey: API_KEY,
    room: 'lunch',
  });
  t.teardown(() => rendezvous.close());
  await until('it joined', () => (fake.members[0]?.messages.length ?? 0) > 0);
  const member = fake.members[0] as FakeMember;
  const { connectionId } = relay.grant;
  return {
    relay,
    rendezvous,
    member,
    introduce: () => member.send({ type: 'connection', ...relay.grant }),
    sendPeerAddress: () => member.send({ type: 'address', connectionId, ...THEIRS }),
  };
}

t.test('onProgress gets the steps of a meeting in order', async (t) => {
  const { relay, rendezvous, member, introduce, sendPeerAddress } = await meeting(t);
  const steps: JoinProgress[] = [];
  const coming = Peer.meet(rendezvous, { onProgress: (progress) => steps.push(progress) });
  member.send({ type: 'waiting' });
  introduce();
  await until('our address was sent', () => member.of('address').length === 1);
  sendPeerAddress();
  const peer = await coming;
  const { mappedAddress } = peer;
  t.strictSame(steps, [
    { step: 'waiting' },
    { step: 'directory-answer', grant: relay.grant },
    { step: 'allocated', mappedAddress },
    { step: 'peer-address', peerAddress: THEIRS },
    { step: 'connecting' },
    { step: 'established' },
  ]);
  t.match(member.of('address'), [mappedAddress]);
  await peer.close();
});

t.test(
  'when the other peer leaves during the meeting, the peer waits for the next one',
  async (t) => {
    const { relay, rendezvous, member, introduce, sendPeerAddress } = await meeting(t);
    const steps: string[] = [];
    const coming = Peer.meet(rendezvous, { onProgress: ({ step }) => steps.push(step) });
    introduce();
    await until('our address was sent', () => member.of('address').length === 1);
    member.send({ type: 'peer-left' });
    member.send({ type: 'waiting' });
    await relay.nth(Method.Refresh, 0);
    introduce();
    sendPeerAddress();
    const peer = await coming;
    t.equal(peer.state, 'established');
    t.ok(steps.includes('retrying'));
    t.equal(member.of('join').length, 1);
    await peer.close();
  },
);

t.test(
  'when the other peer asks for a new connection during the meeting, so does this one',
  async (t) => {
    const { relay, rendezvous, member, introduce, sendPeerAddress } = await meeting(t);
    const coming = Peer.meet(rendezvous);
    relay.handler = ({ message }) => message.method === Method.Connect;
    introduce();
    sendPeerAddress();
    await relay.nth(Method.Connect, 0);
    member.send({ type: 'peer-ready' });
    await until('joined again', () => member.of('join').length === 2);
    relay.handler = () => false;
    introduce();
    sendPeerAddress();
    const peer = await coming;
    t.equal(peer.state, 'established');
    await peer.close();
  },
);

t.test('a relay that drains during the meeting is avoided in the next join', async (t) => {
  const { relay, rendezvous, member, introduce, sendPeerAddress } = await meeting(t);
  const coming = Peer.meet(rendezvous);
  introduce();
  await until('our address was sent', () => member.of('address').length === 1);
  relay.send(relay.closed(300));
  await until('joined again', () => member.of('join').length === 2);
  t.match(member.of('join')[1], { peer: { avoid: ['fra-1'] } });
  const { grant } = relay;
  member.send({ type: 'connection', ...grant, relay: { ...grant.relay, id: 'nyc-1' } });
  sendPeerAddress();
  await (await coming).close();
});

t.test('Closed 437 during the meeting ends it', async (t) => {
  const { relay, rendezvous, member, introduce } = await meeting(t);
  const coming = rejectionOf(Peer.meet(rendezvous));
  introduce();
  await until('our address was sent', () => member.of('address').length === 1);
  relay.send(relay.closed(437));
  t.match(await coming, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 437 });
});

t.test('a refused Connect ends the meeting and closes the leg', async (t) => {
  const { relay, rendezvous, introduce, sendPeerAddress } = await meeting(t);
  const coming = rejectionOf(Peer.meet(rendezvous));
  relay.handler = (received) => {
    if (received.message.method !== Method.Connect) return false;
    relay.send(relay.error(received, 403));
    return true;
  };
  introduce();
  sendPeerAddress();
  t.match(await coming, { code: 'ERR_TURNPIKE_REJECTED', stunCode: 403 });
  t.equal((await relay.nth(Method.Refresh, 0)).message.lifetimeSeconds(), 0);
});

t.test('an error of the rendezvous during the meeting ends it', async (t) => {
  const { relay, rendezvous, member, introduce } = await meeting(t);
  const coming = rejectionOf(Peer.meet(rendezvous));
  introduce();
  await until('our address was sent', () => member.of('address').length === 1);
  member.send({ type: 'error', code: 'replaced', message: 'by another' });
  t.match(await coming, { code: 'ERR_TURNPIKE_RENDEZVOUS', message: /replaced/ });
  await relay.nth(Method.Refresh, 0);
});

t.test('an established connection continues after the rendezvous is closed', async (t) => {
  const { relay, rendezvous, member, introduce, sendPeerAddress } = await meeting(t);
  const coming = Peer.meet(rendezvous);
  introduce();
  sendPeerAddress();
  const peer = await coming;
  member.drop();
  rendezvous.close();
  peer.send(Buffer.from('still here'));
  await relay.payloadsReach(1);
  const closed = once(peer, 'close');
  relay.send(relay.closed(437));
  t.match(await closed, [{ code: 'ERR_TURNPIKE_CLOSED', stunCode: 437 }]);
});

/** Opens a relay that drops every request. */
async function silentRelay(t: Test): Promise<FakeRelay> {
  const relay = await FakeRelay.open();
  relay.drop = Number.POSITIVE_INFINITY;
  t.teardown(() => relay.close());
  return relay;
}

/** Runs a meeting in which the directory gives one silent relay after the other. */
async function offeredSilence(t: Test, ids: readonly string[]) {
  const scheduler = new FakeScheduler();
  const silent = await silentRelay(t);
  const fake = await fakeRendezvous(t);
  const rendezvous = await Rendezvous.open({ directoryUrl: fake.url, apiKey: API_KEY, room: 'r' });
  t.teardown(() => rendezvous.close());
  await until('it joined', () => (fake.members[0]?.messages.length ?? 0) > 0);
  const member = fake.members[0] as FakeMember;
  const coming = rejectionOf(Peer.meet(rendezvous, { scheduler }));
  for (const [index, id] of ids.entries()) {
    const grant = silent.grant;
    member.send({ type: 'connection', ...grant, relay: { ...grant.relay, id } });
    await silent.nth(Method.Allocate, silent.count(Method.Allocate));
    scheduler.advance(3_000);
    // A relay that is given again is tried again, and its failure ends the meeting.
    if (ids.indexOf(id) < index || index === 8) break;
    await until('asked again', () => member.of('join').length === index + 2);
  }
  const avoided = member.of('join').map(({ peer }) => (peer as { avoid?: string[] })?.avoid ?? []);
  return { error: await coming, avoided, scheduler };
}

t.test(
  'a peer avoids silent relays, and fails when the directory gives one of them again',
  async (t) => {
    const { error, avoided, scheduler } = await offeredSilence(t, ['fra-1', 'nyc-1', 'fra-1']);
    t.strictSame(avoided, [[], ['fra-1'], ['fra-1', 'nyc-1']]);
    t.match(error, {
      code: 'ERR_TURNPIKE_RELAY_UNREACHABLE',
      reason: 'relay-unresponsive',
      message: /none of the relays .* \(fra-1, nyc-1\): a firewall here seems to block UDP/,
    });
    t.equal(scheduler.armed, 0);
  },
);

t.test('the error of the only relay that is silent says that there is no other', async (t) => {
  const { error } = await offeredSilence(t, ['fra-1', 'fra-1']);
  t.match(error, { message: /relay fra-1 does not answer over UDP at .* no other/ });
});

t.test('a peer avoids at most eight silent relays', async (t) => {
  const ids = Array.from({ length: 9 }, (_, index) => `relay-${index}`);
  const { error, avoided } = await offeredSilence(t, ids);
  t.equal(avoided.length, 9);
  t.equal(avoided.at(-1)?.length, 8);
  t.match(error, { code: 'ERR_TURNPIKE_RELAY_UNREACHABLE', message: /relay-8/ });
});

t.test('a failed relay is avoided for AVOIDED_MS only', async (t) => {
  const clock = new FakeScheduler();
  const relay = await FakeRelay.open();
  t.teardown(() => relay.close());
  const failures = new AvoidedWhileConnecting(clock, ['given']);
  const silence = new TurnpikeError('ERR_TURNPIKE_RELAY_UNREACHABLE', 'silent');
  const grantOf = (id: string) => ({ ...relay.grant, relay: { ...relay.grant.relay, id } });
  t.equal(failures.after(grantOf('a'), silence), undefined);
  clock.advance(60_000);
  t.equal(failures.after(grantOf('b'), silence), undefined);
  t.strictSame(failures.ids, ['given', 'a', 'b']);
  clock.advance(AVOIDED_MS - 59_000);
  t.strictSame(failures.ids, ['given', 'b'], 'each is avoided for its own time');
  t.equal(failures.after(grantOf('a'), silence), undefined, 'its first failure after that');
  t.match(failures.after(grantOf('a'), silence), { message: /\(b, a\)/ }, 'its second failure');
  t.equal(failures.after(grantOf('given'), silence), undefined);
});

t.test('peers of relays that do not reach each other take turns to avoid theirs', async (t) => {
  for (const role of [0, 1] as const) {
    const { relay, rendezvous, member, sendPeerAddress } = await meeting(t);
    const coming = Peer.meet(rendezvous);
    let refusals = 3;
    relay.handler = (received) => {
      if (received.message.method !== Method.Connect || refusals === 0) return false;
      refusals -= 1;
      relay.send(relay.error(received, 447, { cause: 1 }));
      return true;
    };
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const { grant } = relay;
      const id = `relay-${attempt}`;
      member.send({ type: 'connection', ...grant, role, relay: { ...grant.relay, id } });
      sendPeerAddress();
      if (attempt < 3) await until('again', () => member.of('join').length === attempt + 2);
    }
    await (await coming).close();
    const last = member.of('join').at(-1) as { peer: { avoid: string[] } };
    t.strictSame(last.peer.avoid, role === 0 ? ['relay-1'] : ['relay-0', 'relay-2']);
  }
});

t.test(
  'after bad-message the join is repeated without hints that version 0.1.0 lacks',
  async (t) => {
    const relay = await FakeRelay.open();
    t.teardown(() => relay.close());
    const fake = await fakeRendezvous(t);
    const hints = { region: 'fra', families: [4] } as const;
    const rendezvous = await Rendezvous.open({
      directoryUrl: fake.url,
      apiKey: API_KEY,
      room: 'r',
      hints,
    });
    t.teardown(() => rendezvous.close());
    await until('it joined', () => (fake.members[0]?.messages.length ?? 0) > 0);
    const [first] = fake.members as [FakeMember];
    t.match(first.of('join')[0], { peer: { region: 'fra', families: [4] } });
    const coming = rejectionOf(Peer.meet(rendezvous));
    first.refuse('bad-message', '/peer: unknown member');
    await until('it joined again', () => (fake.members[1]?.of('join').length ?? 0) > 0);
    const second = fake.members[1] as FakeMember;
    t.strictSame(second.of('join')[0]?.peer, { region: 'fra' });
    second.refuse('bad-message', 'something else');
    t.match(await coming, { code: 'ERR_TURNPIKE_RENDEZVOUS', message: /something else/ });
  },
);
