/**
 * `npm run test:interop`: runs every pair of stacks in every way, and writes docs/interop.md. Ends
 * with status 1 if a pair fails; its evidence is then in build/failures.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labSupport } from '../../src/lab/index.js';
import { ROOT } from '../house/source-files.js';
import { failureFolder } from '../lab/evidence.js';
import { TestLab } from '../lab/test-lab.js';
import { run } from '../setup/run-command.js';
import { refuseArguments, scriptArguments } from '../setup/script-arguments.js';
import { requireTools } from '../setup/system-packages.js';
import { INTEROP_TOOLS } from '../setup/system-tools.js';
import { provideTestTools, turnClient } from '../setup/test-tools.js';
import { Arena, type Servers, WAYS } from './arena.js';
import type { Judgement } from './capture.js';
import { interopPage, type Outcome } from './interop-page.js';
import { buildPion, matrixOf, ringOf, STACKS, type Stack, strangers } from './stack-catalogue.js';
import { runUclient, UCLIENT_WAYS } from './uclient.js';

const PAGE = join(ROOT, 'docs/interop.md');
const FAILURES = join(ROOT, 'build/failures');

const { argument, flags } = scriptArguments({
  script: 'test:interop',
  about: 'tests the TURN server with each pair of stacks of ICE and WebRTC',
  argument: ['A,B…', `only pairs of these stacks, without writing the page: ${namesOf(STACKS)}`],
  flags: { '--ring': 'each stack only with itself and with the next' },
});

/** The names of stacks, as the argument has them. */
function namesOf(stacks: readonly Stack[]): string {
  return stacks.map(({ name }) => name).join(',');
}

/** The stacks that are tested. */
function chosenStacks(): readonly Stack[] {
  const names = argument?.split(',') ?? STACKS.map(({ name }) => name);
  const stacks = STACKS.filter(({ name }) => names.includes(name));
  if (stacks.length === names.length) return stacks;
  return refuseArguments('test:interop', `unknown stacks in '${argument}'`);
}

function prepare(): void {
  const support = labSupport();
  if (!support.ok) {
    console.error(`test:interop: ${support.why}`);
    process.exit(1);
  }
  requireTools(INTEROP_TOOLS, 'test:interop');
  const isReady =
    provideTestTools() &&
    run('npm', ['run', '--silent', 'build:native'], { quiet: true }) &&
    run('npm', ['run', '--silent', 'build:ts'], { quiet: true });
  if (!isReady) process.exit(1);
  buildPion();
}

/** Throws if tshark has found a fault. */
function demandFaultless(judgements: readonly Judgement[]): void {
  const [fault] = judgements.flatMap(({ faults }) => faults);
  if (fault !== undefined) throw new Error(`tshark: ${fault}`);
}

/** Runs one test in an arena. @returns its outcome, printed */
async function attempt(
  title: string,
  test: (arena: Arena) => Promise<{ seconds: number; judgements: readonly Judgement[] }>,
): Promise<Outcome> {
  const lab = new TestLab();
  const arena = new Arena(lab);
  try {
    await arena.open();
    const { seconds, judgements } = await test(arena);
    demandFaultless(judgements);
    console.log(`${title}: ok (${seconds.toFixed(1)} s)`);
    return { error: '', seconds, judgements };
  } catch (error) {
    const folder = failureFolder(FAILURES);
    await lab.evidence.write(folder);
    console.log(`${title}: FAILED: ${(error as Error).message}\n  the evidence is in ${folder}`);
    return { error: (error as Error).message, seconds: 0, judgements: [] };
  } finally {
    await lab.close(0);
    await arena.close();
  }
}

/** Runs a pair in one way. */
function attemptPair(first: Stack, second: Stack, servers: Servers): Promise<Outcome> {
  return attempt(`${first.name} to ${second.name} over ${servers}`, async (arena) => {
    const result = await arena.pair([first, second], servers);
    const byTrunk = servers === 'two relays of a cluster';
    if (result.byTrunk > 0 !== byTrunk) throw new Error(`${result.byTrunk} records by the trunk`);
    return result;
  });
}

const stacks = chosenStacks();
prepare();
const clients: (readonly [string, Outcome])[] = [];
for (const [way, options] of Object.entries(argument === undefined ? UCLIENT_WAYS : {})) {
  const outcome = await attempt(`turnutils_uclient: ${way}`, async (arena) => {
    const begin = performance.now();
    const judgement = await runUclient(arena, turnClient() ?? '', options);
    return { seconds: (performance.now() - begin) / 1_000, judgements: [judgement] };
  });
  clients.push([way, outcome]);
}
const pairs = [];
for (const [first, second] of flags.has('--ring') ? ringOf(stacks) : matrixOf(stacks)) {
  const why = strangers(first, second);
  if (why !== '') {
    console.log(`${first.name} to ${second.name}: not run: ${why}`);
    continue;
  }
  const outcomes: Outcome[] = [];
  for (const servers of WAYS) outcomes.push(await attemptPair(first, second, servers));
  pairs.push({ first, second, outcomes });
}
if (argument === undefined) writeFileSync(PAGE, interopPage(clients, pairs));
const all = [
  ...clients.map(([, outcome]) => outcome),
  ...pairs.flatMap(({ outcomes }) => outcomes),
];
const failures = all.filter(({ error }) => error !== '').length;
console.log(`${all.length - failures} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
