import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { MAIN_PROGRAM } from '../cli/main-program.js';
import { Spawned } from '../cli/spawned.js';
import { evidenceOf, setPatience } from '../lab/keep-on-failure.js';

setPatience(t, 180_000);

const KEY = 'a-key-0123456789';
const PEERS = 235;

/** Opens connections that send one request and stay open until the test ends. */
async function holdConnections(t: Test, port: number, count: number): Promise<void> {
  const idle: Socket[] = [];
  t.teardown(() => idle.map((socket) => socket.destroy()));
  for (let n = 0; n < count; n += 1) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    idle.push(socket);
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
  }
}

t.test(
  'a relay can register while waiting peers use all descriptors that the directory gives them',
  async (t) => {
    const evidence = evidenceOf(t);
    const folder = t.testdir();
    const at = (name: string) => join(folder, name);
    writeFileSync(at('cluster'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    writeFileSync(at('key'), KEY, { mode: 0o600 });
    const options = `--listen 127.0.0.1:0 --cluster-secret-file cluster --api-key-file key`;
    const main = [process.execPath, ...MAIN_PROGRAM, 'directory'].join(' ');
    const line = `ulimit -n 256; exec ${main} ${options}`;
    const directory = spawn('sh', ['-c', `cd ${folder}; ${line}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    evidence.record('directory', directory.spawnargs, directory);
    t.teardown(() => directory.kill('SIGKILL'));
    const log: Record<string, unknown>[] = [];
    createInterface({ input: directory.stderr }).on('line', (text) => log.push(JSON.parse(text)));
    const logged = async (event: string) => {
      for (;;) {
        const found = log.find((entry) => entry.event === event);
        if (found !== undefined) return found;
        await delay(10);
      }
    };
    const { url } = await logged('listening');
    const { port } = new URL(String(url));

    await holdConnections(t, Number(port), 40);
    const outcomes = new Map<string, number>();
    const peers = Array.from({ length: PEERS }, async (_, n) => {
      const socket = new WebSocket(`${String(url).replace('http', 'ws')}/v1/rendezvous`, {
        headers: { authorization: `Bearer ${KEY}` },
      });
      t.teardown(() => socket.terminate());
      const outcome = await new Promise<string>((resolve) => {
        socket.once('open', () => {
          socket.send(JSON.stringify({ type: 'join', room: `room-${n}` }));
          resolve('waits');
        });
        socket.once('unexpected-response', (_request, response) => {
          resolve(String(response.statusCode));
          socket.terminate();
        });
        socket.on('error', () => resolve('cut'));
      });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    });
    await Promise.all(peers);
    t.ok((outcomes.get('waits') ?? 0) >= 80, `many wait: ${JSON.stringify([...outcomes])}`);
    t.ok((outcomes.get('503') ?? 0) > 0, 'the others get 503');
    t.match(await logged('bound-reached'), { level: 40 });

    const relay = new Spawned(
      ['relay', '--id', 'fra-1', '--region', 'fra', '--workers', '1']
        .concat(['--listen', '127.0.0.1:0', '--trunk', '127.0.0.1:0'])
        .concat(['--directory', String(url), '--cluster-secret-file', at('cluster')]),
    );
    evidence.record('relay', relay.child.spawnargs, relay.child);
    t.teardown(() => relay.kill());
    t.ok(await relay.logged({ event: 'registered' }));
    await delay(3_000);
    const away = relay.log.filter(({ msg }) => /directory (unreachable|refuse)/.test(String(msg)));
    t.strictSame(away, [], 'the relay stays registered');
    const health = await fetch(`${url}/readyz`);
    t.match(await health.json(), { status: 'ok', relays: 1 });
  },
);
