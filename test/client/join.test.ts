import { once } from 'node:events';
import t from 'tap';
import {
  DirectoryClient,
  type JoinOptions,
  type JoinProgress,
  Peer,
  Rendezvous,
} from '../../src/client/index.js';
import { TEST_CERT, TEST_KEY } from '../directory/tls-fixture.js';
import { API_KEY, type Cluster, cluster, openDirectory } from './support/cluster.js';
import { rejectionOf } from './support/until.js';

/** Records the steps of a join without repetitions. */
function recorder(): { steps: string[]; onProgress: (progress: JoinProgress) => void } {
  const steps: string[] = [];
  const onProgress = ({ step }: JoinProgress) => {
    if (steps.at(-1) !== step) steps.push(step);
  };
  return { steps, onProgress };
}

function optionsOf({ directory }: Cluster, room: string): JoinOptions {
  return { directoryUrl: directory.url, apiKey: API_KEY, room };
}

const system = await cluster(t);

t.test('a directory with TLS is trusted only with its certificate authority', async (t) => {
  const { url } = await openDirectory(t, { cert: TEST_CERT, key: TEST_KEY });
  const access = { directoryUrl: url, apiKey: API_KEY, ca: TEST_CERT };
  t.strictSame(await new DirectoryClient(access).listRelays(), []);
  const rendezvous = await Rendezvous.open({ ...access, room: 'tls' });
  rendezvous.close();
  const stranger = { directoryUrl: url, apiKey: API_KEY };
  const untrusted = {
    code: 'ERR_TURNPIKE_DIRECTORY_UNREACHABLE',
    errno: /SELF_SIGNED|VERIFY/,
    message: /NODE_EXTRA_CA_CERTS/,
  };
  const plain = { directoryUrl: url.replace('https:', 'http:'), apiKey: API_KEY };
  const reverse = { code: 'ERR_TURNPIKE_DIRECTORY_UNREACHABLE', message: /write https:\/\// };
  t.match(await rejectionOf(new DirectoryClient(plain).listRelays()), reverse);
  t.match(await rejectionOf(Rendezvous.open({ ...plain, room: 'tls' })), reverse);
  t.match(await rejectionOf(new DirectoryClient(stranger).listRelays()), untrusted);
  t.match(await rejectionOf(Rendezvous.open({ ...stranger, room: 'tls' })), untrusted);
});

t.test('two peers that join the same room are connected', async (t) => {
  const options = optionsOf(system, 'lunch');
  const { steps, onProgress } = recorder();
  const [a, b] = await Promise.all([Peer.join({ ...options, onProgress }), Peer.join(options)]);
  t.strictSame(
    steps.filter((step) => step !== 'waiting'),
    ['directory-answer', 'allocated', 'peer-address', 'connecting', 'established'],
  );
  t.strictSame(a.peerAddress, b.mappedAddress);
  const arrived = once(b, 'message');
  a.send(Buffer.from('hello'));
  t.equal(String((await arrived)[0]), 'hello');
  await Promise.all([a.close(), b.close()]);
});

t.test('a peer that returns to a room gets a new connection with the remaining peer', async (t) => {
  const options = optionsOf(system, 'again');
  const staying = await Rendezvous.open(options);
  const [a1, b1] = await Promise.all([Peer.meet(staying), Peer.join(options)]);
  const over = once(a1, 'close');
  await b1.close();
  t.match((await over)[0], { code: 'ERR_TURNPIKE_CLOSED' });
  const [a2, b2] = await Promise.all([Peer.meet(staying), Peer.join(options)]);
  t.not(a2.grant.connectionId, a1.grant.connectionId);
  t.equal(a2.grant.connectionId, b2.grant.connectionId);
  staying.close();
  await Promise.all([a2.close(), b2.close()]);
});

t.test('a connection ends when the other peer asks for a new one', async (t) => {
  const options = optionsOf(system, 'anew');
  const [first, second] = await Promise.all([Rendezvous.open(options), Rendezvous.open(options)]);
  const [a, b] = await Promise.all([Peer.meet(first), Peer.meet(second)]);
  const over = once(a, 'close');
  const next = Peer.meet(second);
  t.match((await over)[0], { code: 'ERR_TURNPIKE_CLOSED', stunCode: undefined });
  const [a2, b2] = await Promise.all([Peer.meet(first), next]);
  t.equal(a2.grant.connectionId, b2.grant.connectionId);
  first.close();
  second.close();
  await Promise.all([a2.close(), b.close(), b2.close()]);
});

t.test('join() can be aborted while it waits for the other peer', async (t) => {
  const controller = new AbortController();
  const options = { ...optionsOf(system, 'lonely'), signal: controller.signal };
  const onProgress = ({ step }: JoinProgress) => {
    if (step === 'waiting') controller.abort('bored');
  };
  t.match(await rejectionOf(Peer.join({ ...options, onProgress })), {
    code: 'ERR_TURNPIKE_ABORTED',
    cause: 'bored',
  });
});

t.test('join() can be aborted while it connects', async (t) => {
  const controller = new AbortController();
  const { signal } = controller;
  const options = { ...optionsOf(system, 'fickle'), signal };
  const onProgress = ({ step }: JoinProgress) => {
    if (step === 'connecting') controller.abort();
  };
  const [first, second] = await Promise.all([
    rejectionOf(Peer.join({ ...options, onProgress })),
    rejectionOf(Peer.join(options)),
  ]);
  t.match(first, { code: 'ERR_TURNPIKE_ABORTED' });
  t.match(second, { code: 'ERR_TURNPIKE_ABORTED' });
});
