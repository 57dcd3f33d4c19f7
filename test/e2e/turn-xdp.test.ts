import { existsSync } from 'node:fs';
import t from 'tap';
import { LoggedProcess } from '../../src/lab/index.js';
import { closeAfter, setPatience } from '../lab/keep-on-failure.js';
import { TestLab } from '../lab/test-lab.js';
import { turnClient, turnPeer } from '../setup/test-tools.js';
import { until } from '../until.js';
import { counted, DEVICES, HTTP, redirected } from './turn-by-xdp.js';
import { PATIENCE_MS, TURNPIKE } from './world.js';
import { xdpSkipReason } from './xdp-relays.js';

const PEER_PORT = '3480';

/** Messages of the client, one each 20 ms. The peer answers each. */
const MESSAGES = 100;

setPatience(t, PATIENCE_MS);

const CLIENT = turnClient() ?? '';
const PEER = turnPeer() ?? '';
const missing = existsSync(CLIENT) && existsSync(PEER) ? false : "coturn's client is not there";
const skip = xdpSkipReason() || missing;

t.test('turnpike turn --xdp forwards channels both ways in the driver', { skip }, async (t) => {
  const lab = new TestLab();
  closeAfter(t, lab);
  const [server, peer, client] = [lab.host('turn'), lab.host('peer'), lab.host('client')];
  const [relayed, peerAddress] = lab.wire(server, peer).addresses;
  await lab.up();
  await lab.prepareForXdp();
  const running = lab.spawn(server, [
    ...[process.execPath, TURNPIKE, 'turn', '--user', 'alice:secret', '--workers', '2'],
    ...['--relay-address', relayed, '--allow-peer', peerAddress, '--http', HTTP],
    ...DEVICES.flatMap((device) => ['--xdp', device]),
  ]);
  const log = new LoggedProcess('turn', running);
  await Promise.race([log.listening, log.ended]);
  lab.spawn(peer, [PEER, '-p', PEER_PORT, '-L', peerAddress]);
  const look = async () => ({ all: await counted(server), byXdp: await redirected(server) });

  /** Runs coturn's client, with one pair of ports. @returns what was forwarded meanwhile */
  const talk = async (args: readonly string[]) => {
    const before = await look();
    const asked = ['-v', '-c', '-u', 'alice', '-w', 'secret', '-n', `${MESSAGES}`, '-m', '1'];
    const to = ['-e', peerAddress, '-r', PEER_PORT, server.addresses[4] ?? ''];
    const talking = lab.spawn(client, [CLIENT, ...asked, ...args, ...to]);
    let output = '';
    for (const stream of [talking.child.stdout, talking.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += String(chunk);
      });
    }
    t.equal((await talking.ended).code, 0);
    t.match(output, new RegExp(`tot_send_msgs=${MESSAGES}, tot_recv_msgs=${MESSAGES}\n`));
    let after = before;
    // Those of XDP are counted up to 100 ms late.
    await until(async () => {
      after = await look();
      const { toPeer, toClient } = after.all;
      return Math.min(toPeer - before.all.toPeer, toClient - before.all.toClient) >= MESSAGES;
    });
    const grown = (of: 'all' | 'byXdp') => ({
      toPeer: after[of].toPeer - before[of].toPeer,
      toClient: after[of].toClient - before[of].toClient,
    });
    return { all: grown('all'), byXdp: grown('byXdp') };
  };

  const all = { toPeer: MESSAGES, toClient: MESSAGES };
  const { byXdp, ...channel } = await talk([]);
  t.strictSame(channel, { all });
  // The first ones pass the sockets, until the next hops are resolved.
  t.ok(byXdp.toPeer > 0 && byXdp.toPeer <= MESSAGES, `${byXdp.toPeer} to the peer by XDP`);
  t.ok(byXdp.toClient > 0 && byXdp.toClient <= MESSAGES, `${byXdp.toClient} to the client by XDP`);
  t.strictSame(await talk(['-s']), { all, byXdp: { toPeer: 0, toClient: 0 } });

  running.signal('SIGTERM');
  t.strictSame(await running.ended, { code: 0, signal: null });
});
