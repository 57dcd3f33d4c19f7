import { once } from 'node:events';
import t, { type Test } from 'tap';
import { type JoinProgress, Peer, Rendezvous } from '../../src/client/index.js';
import { Method } from '../../src/stun/methods.js';
import { FakeRelay } from './support/fake-relay.js';
import { type FakeMember, fakeRendezvous } from './support/fake-rendezvous.js';
import { API_KEY } from './support/http-server.js';
import { rejectionOf, until } from './support/until.js';

const THEIRS = { address: '198.51.100.9', port: 51_820 };

interface MeetScene {
  readonly relay: FakeRelay;
  readonly rendezvous: Rendezvous;
  readonly member: FakeMember;
  /** Introduces the member to the scripted relay, under the relay's only identifier. */
  readonly introduce: () => void;
  readonly sendPeerAddress: () => void;
}

/** A member of a scripted room that will be sent to a scripted relay. */
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

t.test('the steps of a meeting are told in order', async (t) => {
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

t.test('when the other side leaves on the way, the next one is waited for', async (t) => {
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
});

t.test('when the other side begins anew on the way, so do we', async (t) => {
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
  await (await coming).close();
});

t.test('a relay that closes the leg on the way ends the meeting', async (t) => {
  const { relay, rendezvous, member, introduce } = await meeting(t);
  const coming = rejectionOf(Peer.meet(rendezvous));
  introduce();
  await until('our address was sent', () => member.of('address').length === 1);
  relay.send(relay.closed(300));
  t.match(await coming, { code: 'ERR_TURNPIKE_CLOSED', stunCode: 300 });
});

t.test('a relay that refuses ends the meeting and the leg is given back', async (t) => {
  const { relay, rendezvous, introduce, sendPeerAddress } = await meeting(t);
  const coming = rejectionOf(Peer.meet(rendezvous));
  relay.handler = (received) => {
    if (received.message.method !== Method.Connect) return false;
    relay.send(relay.error(received, 447));
    return true;
  };
  introduce();
  sendPeerAddress();
  t.match(await coming, { code: 'ERR_TURNPIKE_REJECTED', stunCode: 447 });
  t.equal((await relay.nth(Method.Refresh, 0)).message.lifetimeSeconds(), 0);
});

t.test('a rendezvous that ends on the way ends the meeting', async (t) => {
  const { relay, rendezvous, member, introduce } = await meeting(t);
  const coming = rejectionOf(Peer.meet(rendezvous));
  introduce();
  await until('our address was sent', () => member.of('address').length === 1);
  member.send({ type: 'error', code: 'replaced', message: 'by another' });
  t.match(await coming, { code: 'ERR_TURNPIKE_RENDEZVOUS', message: /replaced/ });
  await relay.nth(Method.Refresh, 0);
});

t.test('an established connection outlives the rendezvous', async (t) => {
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
