import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { DIRECTORY_ANSWER_MS } from '../../../src/client/http-json.js';
import { Directory } from '../../../src/directory/index.js';
import { API_KEY, API_KEYS, CLUSTER_SECRET } from '../fixtures.js';

/** Few enough to run in one process on one core beside the directory. */
const RELAYS = 400;
const START_MS = 1_000;
/** Interval between two requests of a peer, ms. */
const ASK_MS = 100;

const headers = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };

/** Starts relays within a second, in a process of their own. */
async function fleet(test: Test, url: string): Promise<ChildProcess> {
  const program = new URL('relays-process.ts', import.meta.url);
  const child = fork(program, [url, String(RELAYS), String(START_MS)], {
    execArgv: ['--import', 'tsx'],
  });
  test.teardown(() => child.disconnect());
  await once(child, 'message');
  return child;
}

async function metric(directory: Directory, name: string): Promise<number> {
  const text = await directory.metrics();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

async function listed(directory: Directory): Promise<number> {
  const answer = await fetch(`${directory.url}/v1/relays`, { headers });
  const { relays } = (await answer.json()) as {
    relays: { reachability: { unknownTo?: number } }[];
  };
  return relays.filter(({ reachability: { unknownTo = 0 } }) => unknownTo === 0).length;
}

t.test('peers get answers while 400 relays start', async (t) => {
  const listen = { address: '127.0.0.1', port: 0 };
  const options = { listen, clusterSecret: CLUSTER_SECRET, apiKeys: API_KEYS };
  const directory = await Directory.open(options);
  t.teardown(() => directory.close());
  await fleet(t, directory.url);
  const began = performance.now();
  const statuses = new Map<number, number>();
  let slowestMs = 0;
  let settled = 0;
  while (settled < RELAYS) {
    const body = JSON.stringify({ peers: [{ region: 'r1' }, { region: 'r2' }] });
    const asked = performance.now();
    const signal = AbortSignal.timeout(DIRECTORY_ANSWER_MS);
    const request = { method: 'POST', headers, body, signal };
    const { status } = await fetch(`${directory.url}/v1/connections`, request);
    slowestMs = Math.max(slowestMs, performance.now() - asked);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    await sleep(ASK_MS);
    if ((statuses.get(status) ?? 0) % 10 === 0) settled = await listed(directory);
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  t.comment(
    `${RELAYS} relays confirmed by all after ${seconds} s; slowest peer ${slowestMs.toFixed(0)} ms`,
  );
  const others = [...statuses.keys()].filter((status) => status !== 201 && status !== 503);
  t.same(others, [], 'only 201, or 503 while no relay is ready');
  const versions = await metric(directory, 'turnpike_directory_registry_versions_total');
  t.ok(versions < RELAYS / 2, `${versions} versions for ${RELAYS} relays`);
});
