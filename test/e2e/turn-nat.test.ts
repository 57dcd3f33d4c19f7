import { existsSync } from 'node:fs';
import t from 'tap';
import { type LabHost, LoggedProcess, type LogLine, readLines } from '../../src/lab/index.js';
import { run } from '../../src/lab/tools.js';
import { closeAfter, setPatience } from '../lab/keep-on-failure.js';
import { outputOf } from '../lab/output-of.js';
import { TestLab } from '../lab/test-lab.js';
import { turnClient, turnPeer } from '../setup/test-tools.js';
import { until } from '../until.js';
import { PATIENCE_MS, skipReason, TURNPIKE } from './world.js';

const PEER_PORT = '3480';
const RELAY_PORTS = { min: 50_000, max: 50_099 };

setPatience(t, PATIENCE_MS);

const CLIENT = turnClient() ?? '';
const PEER = turnPeer() ?? '';
const missing = existsSync(CLIENT) && existsSync(PEER) ? false : "coturn's client is not there";
const skip = skipReason() || missing;

/** What a NAT passes to the host behind it: all, as at a cloud, or published ports, as Docker. */
const INWARDS: Readonly<Record<string, string>> = {
  'a one-to-one NAT': '',
  'published ports, as of a container': `udp dport { 3478, ${RELAY_PORTS.min}-${RELAY_PORTS.max} }`,
};

/** A lab with a STUN server, a peer and a client outside, and a host behind a NAT. */
async function natLab(lab: TestLab, inwards: string) {
  const nat = lab.nat('nat', { behaviour: 'port-restricted', families: [4] });
  const server = lab.host('turn', { behind: nat });
  const [stun, peer, client] = [lab.host('stun'), lab.host('peer'), lab.host('client')];
  await lab.up();
  const rules = `table ip inwards {
  chain prerouting {
    type nat hook prerouting priority dstnat
    iifname "wan" ${inwards} dnat to ${server.addresses[4]}
  }
}
`;
  await run(['ip', 'netns', 'exec', nat.namespace, 'nft', '-f', '-'], rules);
  return { nat, server, stun, peer, client };
}

function startTurn(lab: TestLab, host: LabHost, args: readonly string[]) {
  const running = lab.spawn(host, [
    ...[process.execPath, TURNPIKE, 'turn', '--user', 'alice:secret', '--workers', '1'],
    ...['--relay-ports', `${RELAY_PORTS.min}-${RELAY_PORTS.max}`, ...args],
  ]);
  const lines: LogLine[] = [];
  readLines(running.child.stderr, (line) => {
    if (line.startsWith('{')) lines.push(JSON.parse(line));
  });
  return { running, lines, log: new LoggedProcess(host.name, running) };
}

function uclient(lab: TestLab, host: LabHost, args: readonly string[]) {
  const flags = ['-v', '-u', 'alice', '-w', 'secret', '-n', '5', '-m', '1', ...args];
  return outputOf(lab, host, [CLIENT, ...flags]);
}

for (const [what, inwards] of Object.entries(INWARDS)) {
  t.test(`--relay-address auto finds the address outside of ${what}`, { skip }, async (t) => {
    const lab = new TestLab();
    closeAfter(t, lab);
    const { nat, server, stun, peer, client } = await natLab(lab, inwards);
    const outside = nat.addresses[4] ?? '';
    const asked = startTurn(lab, stun, []);
    await Promise.race([asked.log.listening, asked.log.ended]);
    const { running, lines, log } = startTurn(lab, server, [
      ...['--relay-address', 'auto', '--stun-server', `${stun.addresses[4]}`],
      ...['--allow-peer', '192.0.2.0/24', '--allow-peer', '203.0.113.0/24'],
    ]);
    const listening = await Promise.race([log.listening, log.ended]);
    t.match(listening, {
      urls: [`turn:${outside}:3478?transport=udp`],
      relayAddresses: [{ address: server.addresses[4], advertised: outside }],
    });
    t.notOk(lines.some(({ event }) => event === 'relay-ports-changed'));
    lab.spawn(peer, [PEER, '-p', PEER_PORT, '-L', peer.addresses[4] ?? '']);
    const ways: Readonly<Record<string, readonly string[]>> = {
      'to a peer': ['-e', peer.addresses[4] ?? '', '-r', PEER_PORT, outside],
      'by indications': ['-s', '-e', peer.addresses[4] ?? '', '-r', PEER_PORT, outside],
      'between two clients': ['-y', '-m', '2', outside],
      'between two clients, by indications': ['-y', '-s', '-m', '2', outside],
    };
    for (const [way, args] of Object.entries(ways)) {
      const { code, output } = await uclient(lab, client, args);
      t.equal(code, 0, way);
      t.match(output, new RegExp(`relay addr: ${outside.replaceAll('.', '\\.')}:500\\d\\d`), way);
      t.match(output, /Total lost packets 0 /, way);
      t.match(output, /tot_send_msgs=([1-9]\d*), tot_recv_msgs=\1\n/, way);
    }
    const reloads = () =>
      lines.filter(({ event, item }) => event === 'reload' && item === 'relay-address');
    running.signal('SIGHUP');
    await until(() => reloads().length === 1);
    t.match(reloads(), [{ result: 'unchanged' }]);
    asked.running.signal('SIGTERM');
    await asked.running.ended;
    running.signal('SIGHUP');
    await until(() => reloads().length === 2);
    t.match(reloads()[1], { result: 'kept', reason: /cannot be asked \(ECONNREFUSED\)/ });
    t.strictSame(
      lines.filter(({ level }) => (level ?? 0) >= 50),
      [],
    );
    running.signal('SIGTERM');
    t.strictSame(await running.ended, { code: 0, signal: null });
  });
}

t.test('without an answer it ends with 3 and says who was asked', { skip }, async (t) => {
  const lab = new TestLab();
  closeAfter(t, lab);
  const { server, stun } = await natLab(lab, '');
  const { running, lines } = startTurn(lab, server, [
    ...['--relay-address', 'auto', '--stun-server', `${stun.addresses[4]}:9`],
  ]);
  t.strictSame(await running.ended, { code: 3, signal: null });
  t.match(lines.at(-1), {
    code: 'ERR_TURNPIKE_STUN_SERVER',
    msg: new RegExp(`the STUN server ${stun.addresses[4]}:9 cannot be asked \\(ECONNREFUSED\\)`),
  });
});
