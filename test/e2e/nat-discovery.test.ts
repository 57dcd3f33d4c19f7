import { existsSync } from 'node:fs';
import t from 'tap';
import { type LabHost, LoggedProcess, NAT_BEHAVIOURS } from '../../src/lab/index.js';
import { closeAfter, setPatience } from '../lab/keep-on-failure.js';
import { TestLab } from '../lab/test-lab.js';
import { natDiscoveryClient } from '../setup/test-tools.js';
import { PATIENCE_MS, skipReason, TURNPIKE } from './world.js';

setPatience(t, PATIENCE_MS);

const CLIENT = natDiscoveryClient() ?? '';
const skip = skipReason() || (existsSync(CLIENT) ? false : "coturn's client is not there");

/** What coturn's client says of each NAT: how it maps, and how it filters. */
const FINDINGS = {
  'full-cone': ['Endpoint Independent Mapping', 'Endpoint Independent Filtering'],
  'address-restricted': ['Endpoint Independent Mapping', 'Address Dependent Filtering'],
  'port-restricted': ['Endpoint Independent Mapping', 'Address and Port Dependent Filtering'],
  symmetric: ['Address and Port Dependent Mapping', 'Address and Port Dependent Filtering'],
} as const;

/**
 * Attempts of the client: it sends each request once, and takes an answer that comes after 3 s, as
 * on a machine under load, for none.
 */
const ATTEMPTS = 4;

/** Starts a server that listens on two addresses with two ports each. */
async function startTurn(lab: TestLab, host: LabHost): Promise<void> {
  const addresses = [host.addresses[4] ?? '', await lab.addAddress(host)];
  const listen = addresses.flatMap((ip) => [`${ip}:3478`, `${ip}:3479`]);
  const running = lab.spawn(host, [
    ...[process.execPath, TURNPIKE, 'turn', '--user', 'alice:secret', '--workers', '2'],
    ...['--nat-discovery', ...listen.flatMap((each) => ['--listen', each])],
  ]);
  const log = new LoggedProcess(host.name, running);
  await Promise.race([log.listening, log.ended]);
}

/** Runs coturn's client. @returns its findings of the mapping and of the filtering */
async function findings(lab: TestLab, host: LabHost, args: readonly string[]) {
  const running = lab.spawn(host, [CLIENT, '-m', '-f', ...args]);
  let output = '';
  for (const stream of [running.child.stdout, running.child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += String(chunk);
    });
  }
  await running.ended;
  return [...output.matchAll(/^NAT with (.*)!$/gm)].map(([, finding]) => finding);
}

t.test("coturn's client finds out how a NAT maps and filters", { skip }, async (t) => {
  const lab = new TestLab();
  closeAfter(t, lab);
  const server = lab.host('turn');
  const clients = NAT_BEHAVIOURS.map((behaviour) => {
    const nat = lab.nat(`nat-${behaviour}`, { behaviour, families: [4] });
    return { behaviour, host: lab.host(`in-${behaviour}`, { behind: nat }) };
  });
  await lab.up();
  await startTurn(lab, server);
  const address = server.addresses[4] ?? '';
  await Promise.all(
    clients.map(async ({ behaviour, host }) => {
      for (const args of [[address], ['-P', address]]) {
        const expected = FINDINGS[behaviour];
        let said = await findings(lab, host, args);
        for (let each = 1; each < ATTEMPTS && said.join() !== expected.join(); each += 1) {
          said = await findings(lab, host, args);
        }
        t.strictSame(said, expected, `${behaviour} ${args.join(' ')}`);
      }
    }),
  );
});
