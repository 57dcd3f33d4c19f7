import { existsSync } from 'node:fs';
import t from 'tap';
import {
  type LabHost,
  LoggedProcess,
  type LogLine,
  parseObject,
  readLines,
} from '../../src/lab/index.js';
import { closeAfter, setPatience } from '../lab/keep-on-failure.js';
import { outputOf } from '../lab/output-of.js';
import { TestLab } from '../lab/test-lab.js';
import { turnClient, turnPeer } from '../setup/test-tools.js';
import { steeringEvent } from '../steering.js';
import { PATIENCE_MS, skipReason, TURNPIKE } from './world.js';

const PEER_PORT = '3480';

/** Messages that coturn's client sends on each of its connections. */
const MESSAGES = '5';

setPatience(t, PATIENCE_MS);

const CLIENT = turnClient() ?? '';
const PEER = turnPeer() ?? '';
const missing = existsSync(CLIENT) && existsSync(PEER) ? false : "coturn's client is not there";

/** Runs coturn's client in a host. @returns its exit code and what it has printed */
function uclient(lab: TestLab, host: LabHost, args: readonly string[]) {
  const credential = ['-u', 'alice', '-w', 'secret', '-n', MESSAGES, '-m', '1'];
  return outputOf(lab, host, [CLIENT, ...credential, ...args]);
}

t.test(
  'a TURN server with default addresses serves clients behind NATs',
  { skip: skipReason() || missing },
  async (t) => {
    const lab = new TestLab();
    closeAfter(t, lab);
    const [server, peer] = [lab.host('turn'), lab.host('peer')];
    const behind = (['symmetric', 'port-restricted'] as const).map((behaviour) =>
      lab.host(behaviour, { behind: lab.nat(`nat-${behaviour}`, { behaviour }) }),
    );
    await lab.up();
    // The lab has addresses of documentation, which are no peers by default.
    const allowed = ['192.0.2.0/24', '203.0.113.0/24', '2001:db8::/32'];
    const running = lab.spawn(server, [
      ...[process.execPath, TURNPIKE, 'turn', '--user', 'alice:secret'],
      ...allowed.flatMap((range) => ['--allow-peer', range]),
    ]);
    const log = new LoggedProcess('turn', running);
    const steering: LogLine[] = [];
    readLines(running.child.stderr, (line) => {
      const entry = parseObject(line);
      if (entry?.event === 'steering') steering.push(entry);
    });
    await Promise.race([log.listening, log.ended]);
    const at = { 4: server.addresses[4] ?? '', 6: server.addresses[6] ?? '' };
    const echo = { 4: peer.addresses[4] ?? '', 6: peer.addresses[6] ?? '' };
    const listening = Object.values(echo).flatMap((ip) => ['-L', ip]);
    lab.spawn(peer, [PEER, '-p', PEER_PORT, ...listening]);
    const toPeer = (family: 4 | 6) => ['-e', echo[family], '-r', PEER_PORT];
    for (const host of behind) {
      const ways: Readonly<Record<string, readonly string[]>> = {
        'channels to a peer': [...toPeer(4), at[4]],
        'Send indications to a peer': ['-s', ...toPeer(4), at[4]],
        'channels between two clients': ['-y', at[4]],
        'IPv6 to a peer': ['-x', ...toPeer(6), at[6]],
      };
      for (const [way, args] of Object.entries(ways)) {
        const { code, output } = await uclient(lab, host, args);
        t.equal(code, 0, `${host.name}: ${way}`);
        t.match(output, /Total lost packets 0 /, `${host.name}: ${way}`);
        t.match(output, /tot_send_msgs=([1-9]\d*), tot_recv_msgs=\1\n/, `${host.name}: ${way}`);
      }
    }
    t.match(steering, [steeringEvent()], 'relayed ports receive as the test wants it');
    running.signal('SIGTERM');
    t.strictSame(await running.ended, { code: 0, signal: null });
  },
);
