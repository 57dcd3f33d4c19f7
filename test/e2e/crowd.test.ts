import { createSocket } from 'node:dgram';
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import t from 'tap';
import { relaySecret, tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { Peer } from '../../src/client/index.js';
import { mintCredential } from '../../src/overlay/leg-credentials.js';
import { Relay } from '../../src/relay/index.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { evidenceOf, setPatience } from '../lab/keep-on-failure.js';

setPatience(t, 120_000);

const CLUSTER_SECRET = new Uint8Array(32).fill(7);
const ROOT = tenantRoot(CLUSTER_SECRET);
const CROWD = 120;

function openRelay(logger: Logger): Promise<Relay> {
  return Relay.open({
    id: 'fra-1',
    region: 'fra',
    listen: ['127.0.0.1:0'],
    trunk: ['127.0.0.1:0'],
    relaySecret: relaySecret(CLUSTER_SECRET, 'fra-1'),
    tenantRoot: ROOT,
    challengesPerSecond: 1,
    challengesBurst: 1,
    workers: 1,
    logger,
  });
}

/** Makes a grant for one peer of a connection within the relay. */
function grantOf(relay: Relay, index: number) {
  const [address] = relay.serviceAddresses;
  if (address === undefined) throw new Error('no address');
  const connectionId = index.toString(16).padStart(32, '0');
  const expiresAtSeconds = Math.floor(Date.now() / 1_000) + 600;
  const credential = mintCredential({
    tenantSecret: tenantSecret(ROOT, 'default'),
    tenant: 'default',
    connectionId,
    role: 0,
    expiresAtSeconds,
  });
  const at = { id: 'fra-1', region: 'fra', ...address };
  return {
    connectionId,
    realm: 'turnpike',
    role: 0 as const,
    relay: at,
    peerRelay: address,
    expiresAt: new Date(expiresAtSeconds * 1_000).toISOString(),
    ...credential,
  };
}

t.test('peers behind one address can allocate while a neighbour floods the relay', async (t) => {
  const relay = await openRelay(pino(evidenceOf(t).log('fra-1')));
  t.teardown(() => relay.close());
  const port = relay.serviceAddresses[0]?.port ?? 0;
  const neighbour = createSocket('udp4');
  t.teardown(() => neighbour.close());
  const request = new MessageWriter('request', Method.Binding, new Uint8Array(12)).finish();
  let flooding = true;
  const flood = (async () => {
    while (flooding) {
      for (let n = 0; n < 20; n += 1) neighbour.send(request, port, '127.0.0.1');
      await delay(10);
    }
  })();
  const opened = await Promise.allSettled(
    Array.from({ length: CROWD }, async (_, index) => {
      const peer = await Peer.open({ grant: grantOf(relay, index) });
      t.teardown(() => peer.close());
    }),
  );
  flooding = false;
  await flood;
  const failed = opened.filter(({ status }) => status === 'rejected');
  t.strictSame(failed, [], 'every peer is allocated');
  t.equal(relay.legs, CROWD);
  t.match(await relay.metrics(), /turnpike_relay_bounds_met_total\{bound="binding-budget"\} [1-9]/);
});
