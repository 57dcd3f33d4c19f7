import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type LabHost, LoggedProcess } from '../../src/lab/index.js';
import { closeAfter, setPatience } from '../lab/keep-on-failure.js';
import { outputOf } from '../lab/output-of.js';
import { TestLab } from '../lab/test-lab.js';
import { turnClient } from '../setup/test-tools.js';
import { PATIENCE_MS, skipReason, TURNPIKE } from './world.js';

// One deployment after another: each starts a server and a client.
setPatience(t, 2 * PATIENCE_MS);

const CLIENT = turnClient() ?? '';
const skip = skipReason() || (existsSync(CLIENT) ? false : "coturn's client is not there");

/** What a `turnserver.conf` of a deployment expects of its host and of its clients. */
interface Deployment {
  /** Addresses that the host has besides those of the lab. */
  readonly addresses?: readonly string[];
  /** Where a client sends its requests; default the lab's address of the host. */
  readonly at?: string;
  /** Flags of the client with its credentials. */
  readonly user: readonly string[];
}

const minted = (secret: string) => ['-u', 'alice', '-W', secret];

const DEPLOYMENTS: Readonly<Record<string, Deployment>> = {
  bigbluebutton: {
    addresses: ['192.0.2.40', '2001:db8::40'],
    at: '192.0.2.40',
    user: minted('bbb-old-secret'),
  },
  jitsi: { addresses: ['10.0.0.5'], user: minted('jitsi-shared secret') },
  livekit: { addresses: ['10.0.0.5'], at: '10.0.0.5', user: ['-u', 'probe', '-w', 'check this'] },
  mattermost: { addresses: ['10.0.0.5'], at: '10.0.0.5', user: minted('mattermost-calls-secret') },
  'nextcloud-talk': { user: minted('talk-0123456789') },
  'sip-gateway': {
    addresses: ['10.0.0.5'],
    at: '10.0.0.5',
    user: ['-u', 'pbx', '-w', 'p@ss:w0rd=1'],
  },
  synapse: { user: minted('5e7c0f1a9b8d46c2a3f4e5d6c7b8a9f0-matrix') },
  xmpp: { addresses: ['10.0.0.5'], at: '10.0.0.5', user: minted('xmpp secret') },
};

t.test("coturn's client uses each deployment's turnserver.conf", { skip }, async (t) => {
  const lab = new TestLab();
  closeAfter(t, lab);
  const hosts = new Map(Object.keys(DEPLOYMENTS).map((name) => [name, lab.host(name)]));
  await lab.up();
  for (const [name, { addresses = [], at, user }] of Object.entries(DEPLOYMENTS)) {
    const host = hosts.get(name) as LabHost;
    for (const ip of addresses) {
      const add = ['ip', 'address', 'add', ip, 'dev', 'lo', ...(ip.includes(':') ? ['nodad'] : [])];
      t.match(await outputOf(lab, host, add), { code: 0, output: '' }, `${name}: ${ip}`);
    }
    const path = new URL(`../cli/coturn/deployments/${name}.conf`, import.meta.url);
    const running = lab.spawn(host, [
      ...[process.execPath, TURNPIKE, 'turn', '--coturn-config', fileURLToPath(path)],
      ...['--workers', '1', '--drain-seconds', '0'],
    ]);
    const log = new LoggedProcess(name, running);
    await Promise.race([log.listening, log.ended]);
    // Two clients, who send to each other by their relayed addresses.
    const args = ['-y', '-n', '5', '-m', '1', ...user, at ?? host.addresses[4] ?? ''];
    const { code, output } = await outputOf(lab, host, [CLIENT, ...args]);
    t.equal(code, 0, name);
    t.match(output, /Total lost packets 0 /, name);
    t.match(output, /tot_send_msgs=([1-9]\d*), tot_recv_msgs=\1\n/, name);
    running.signal('SIGTERM');
    t.strictSame(await running.ended, { code: 0, signal: null }, name);
  }
});
