import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { type LabHost, type LabProcess, parseObject, readLines } from '../../src/lab/index.js';
import { spawnTypeScript } from '../lab/agent.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { findCommand } from '../setup/system-packages.js';
import { PATIENCE_MS, skipReason, World } from './world.js';

const TCP_FORWARD = fileURLToPath(new URL('./programs/tcp-forward.ts', import.meta.url));
const PORT = 5201;
const HERE = `127.0.0.1:${PORT}`;

/** The members of iperf3's `--json` output that the test reads. */
interface IperfReport {
  readonly error?: string;
  readonly end: { readonly sum?: { readonly packets: number; readonly lost_percent: number } };
}

function skip(): string | false {
  return findCommand('iperf3') === undefined ? 'iperf3 not found' : skipReason();
}

/** Waits until the program ends, and returns its output. */
async function outputOf({ child, ended }: LabProcess): Promise<string> {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  await ended;
  return text;
}

/** Starts `turnpike peer` in a host, and resolves when it is connected. */
function startPeer(t: Test, world: World, host: LabHost, mode: string): Promise<void> {
  const { directoryUrl } = world.accessFrom(host);
  const process = world.turnpike(host, [
    ...['peer', '--directory', directoryUrl, '--api-key-file', world.secretFile('api')],
    ...['--room', 'iperf', mode, HERE],
  ]);
  return new Promise((resolve) => {
    readLines(process.child.stderr, (line) => {
      t.comment(`${host.name}: ${line}`);
      if (parseObject(line)?.event === 'connected') resolve();
    });
  });
}

setPatience(t, PATIENCE_MS);

/**
 * iperf3 measures over UDP, and controls the measurement over TCP to the same address and port.
 * `turnpike peer` takes the UDP. A TCP forwarder on the same port takes the control connection to
 * the other host over a separate wire.
 */
t.test('iperf3 measures UDP through two peers in both directions', { skip: skip() }, async (t) => {
  const world = await World.create(t);
  const client = world.hostBehindNat('client', 'symmetric', [4]);
  const server = world.hostBehindNat('server', 'port-restricted', [4]);
  const wire = world.lab.wire(client, server);
  await world.start();

  const forwarder = spawnTypeScript(world.lab, client, TCP_FORWARD, [
    ...['127.0.0.1', String(PORT), wire.addresses[1]],
  ]);
  const forwards =
    forwarder.child.stdout === null ? undefined : once(forwarder.child.stdout, 'data');
  world.lab.spawn(server, ['iperf3', '--server', '--port', String(PORT)], { stdio: 'ignore' });
  await Promise.all([
    forwards,
    startPeer(t, world, client, '--udp-listen'),
    startPeer(t, world, server, '--udp-forward'),
  ]);

  for (const [direction, flags] of [
    ['there', []],
    ['back', ['--reverse']],
  ] as const) {
    const output = await outputOf(
      world.lab.spawn(client, [
        ...['iperf3', '--client', '127.0.0.1', '--port', String(PORT), '--json', ...flags],
        ...['-u', '-l', '1200', '--bitrate', '2M', '--time', '2'],
      ]),
    );
    const { error, end } = JSON.parse(output) as IperfReport;
    t.equal(error, undefined);
    t.ok((end.sum?.packets ?? 0) > 300, `${direction}: ${end.sum?.packets} packets`);
    // A busy machine may lose packets in the queues in front of a process.
    t.ok((end.sum?.lost_percent ?? 100) < 20, `${direction}: ${end.sum?.lost_percent} % lost`);
  }
});
