import { type ChildProcess, fork } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Directory } from '../../src/directory/index.js';
import { keyOf, relayRecord } from '../../test/directory/fixtures.js';
import { FleetRelay } from '../abuse/fleet-relay.js';
import { median } from '../load/statistics.js';
import type { ClientOrder, ClientReport } from './http-client-process.js';

const API_KEY = 'api-key-of-the-bench';
const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);
const COMPILED = new URL('../../dist/index.js', import.meta.url);
const EMPTY_ROUTE = '/empty';
const CONNECTIONS = 8;
/** Few, so that the rest of the route shows beside the selection. */
const RELAYS = 4;
/** No relay gets full, however many connections are asked for. */
const ROOMY = { legs: 0, legsMax: 100_000_000, cpu: 0, packetsPerSecond: 0 };
const WARM_UP_MS = 2_000;
const ROUND_MS = 1_000;
const ROUNDS = 9;
const ASK_AGAIN_MS = 50;

/** Bodies of requests, by what they ask for. */
const BODIES = {
  'peers without hints': { peers: [{}, {}] },
  addresses: { peers: [{ address: '203.0.113.7' }, { address: '198.51.100.9' }] },
  'addresses and latencies': {
    peers: [
      { address: '203.0.113.7', latencies: { r0: 12.5, r1: 48.1, r2: 31, r3: 77.4 } },
      { address: '198.51.100.9', latencies: { r0: 71.2, r1: 22.9, r2: 40.5, r3: 11.8 } },
    ],
  },
};

/** One round's rate and the server's time on the processor. */
interface Round {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

/**
 * Opens a directory that also has a route without any work of its own: it takes a body of the same
 * size and answers with a text of the size of a connection's answer.
 */
async function openWithEmptyRoute(text: () => string): Promise<Directory> {
  // The program that users run: tsx gives each closure its name anew whenever it is made.
  const { Directory } = (await import(COMPILED.href)) as typeof import('../../src/index.js');
  const addRoute = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance };
    fastify.post(EMPTY_ROUTE, async (_request, reply) =>
      reply.code(201).type('application/json; charset=utf-8').send(text()),
    );
  };
  subscribe('fastify.initialization', addRoute);
  const directory = await Directory.open({
    listen: { address: '127.0.0.1', port: 0 },
    clusterSecret: CLUSTER_SECRET,
    apiKeys: [{ key: API_KEY, tenant: 'default' }],
  });
  unsubscribe('fastify.initialization', addRoute);
  return directory;
}

/** Returns a whole request with a JSON body. */
function requestOf(path: string, body: string): string {
  return [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Bearer ${API_KEY}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** Waits until a connection is answered, and returns the answer's text. */
async function firstAnswer(directory: Directory, body: string): Promise<string> {
  for (;;) {
    const response = await fetch(`${directory.url}/v1/connections`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body,
    });
    const text = await response.text();
    if (response.status === 201) return text;
    await sleep(ASK_AGAIN_MS);
  }
}

async function runRound(client: ChildProcess, order: ClientOrder): Promise<Round> {
  const before = process.cpuUsage();
  client.send(order);
  const [report] = (await once(client, 'message')) as [ClientReport];
  if (report.wrong !== undefined) throw new Error(`unexpected answer: ${report.wrong}`);
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: (report.answers / report.ms) * 1_000,
    cpuMicroseconds: (user + system) / report.answers,
  };
}

function medianRound(rounds: readonly Round[]): Round {
  return {
    perSecond: median(rounds.map(({ perSecond }) => perSecond)),
    cpuMicroseconds: median(rounds.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  };
}

/** Measures a body at both routes in alternating rounds, and prints the medians and their ratio. */
async function compare(directory: Directory, client: ChildProcess, what: string, body: string) {
  const common = { port: directory.address.port, connections: CONNECTIONS, status: 201 };
  const empty = { ...common, request: requestOf(EMPTY_ROUTE, body) };
  const real = { ...common, request: requestOf('/v1/connections', body) };
  for (const order of [empty, real]) await runRound(client, { ...order, ms: WARM_UP_MS });
  const rounds: [Round, Round][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = await runRound(client, { ...empty, ms: ROUND_MS });
    rounds.push([first, await runRound(client, { ...real, ms: ROUND_MS })]);
  }
  const ofEmpty = medianRound(rounds.map(([first]) => first));
  const ofReal = medianRound(rounds.map(([, second]) => second));
  const ratio = median(rounds.map(([a, b]) => b.perSecond / a.perSecond));
  const words = ({ perSecond, cpuMicroseconds }: Round) =>
    `${perSecond.toFixed(0)}/s, ${cpuMicroseconds.toFixed(0)} µs of processor`;
  console.log(`  ${what} (${Buffer.byteLength(body)} bytes)`);
  console.log(`    empty route:          ${words(ofEmpty)}`);
  console.log(`    POST /v1/connections: ${words(ofReal)}; ${ratio.toFixed(2)} of the empty route`);
}

/**
 * Measures `POST /v1/connections` beside an empty route of the same server, over real sockets. The
 * client is a process of its own.
 */
export async function benchHttp(): Promise<void> {
  let text = '';
  const directory = await openWithEmptyRoute(() => text);
  const relays = Array.from({ length: RELAYS }, (_, index) => {
    const id = `r${index}-1`;
    const record = { ...relayRecord(id, index + 1), start: Date.now() };
    return new FleetRelay({ directoryUrl: directory.url, key: keyOf(id), record, load: ROOMY });
  });
  for (const relay of relays) void relay.run();
  const program = new URL('http-client-process.ts', import.meta.url);
  const client = fork(program, { execArgv: ['--import', 'tsx'] });
  console.log(`HTTP, ${CONNECTIONS} connections, ${RELAYS} relays, medians of ${ROUNDS} rounds`);
  for (const [what, body] of Object.entries(BODIES)) {
    const json = JSON.stringify(body);
    text = await firstAnswer(directory, json);
    await compare(directory, client, what, json);
  }
  client.disconnect();
  for (const relay of relays) relay.end();
  await directory.close();
}
