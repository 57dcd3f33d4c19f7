import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { LabProcess } from '../../src/lab/index.js';
import { toolEnvironment } from '../../src/lab/tools.js';
import type { CpuPlan, Place, Scene } from './scene.js';

const execute = promisify(execFile);

/** Block of addresses by pid, so that two runs at the same time mostly use different addresses. */
const BLOCK = 10 + (process.pid % 60) * 4;
const SERVERS = `127.${BLOCK + 2}`;

function place(host: string, address: string): Place {
  return { host, device: 'lo', address, mac: '' };
}

/**
 * The hosts as addresses of the loopback interface, for users who may not create namespaces. On
 * loopback the sender does the receiver's work, and the two cannot be measured separately.
 */
export class LoopbackScene implements Scene {
  readonly kind = 'loopback';
  readonly cpus: CpuPlan;
  readonly near = place('near', `${SERVERS}.0.1`);
  readonly servers = [
    { near: place('server', `${SERVERS}.0.2`), far: place('server', `${SERVERS}.1.1`) },
  ];
  readonly far = place('far', `${SERVERS}.1.2`);
  readonly nearNetwork = `127.${BLOCK}.0`;
  readonly farNetwork = `127.${BLOCK + 1}.0`;
  readonly #processes = new Set<LabProcess>();

  constructor(cpus: CpuPlan) {
    this.cpus = cpus;
  }

  spawn(_place: Place, cpu: number, argv: readonly string[]): LabProcess {
    // The kernel kills it when this process ends (PR_SET_PDEATHSIG).
    const guarded = ['--pdeathsig', 'KILL', '--', 'taskset', '-c', String(cpu), ...argv];
    const child = spawn('setpriv', guarded, { env: toolEnvironment(), detached: true });
    const started = new LabProcess(child);
    this.#processes.add(started);
    void started.ended.then(() => this.#processes.delete(started));
    return started;
  }

  async run(_place: Place, argv: readonly string[]): Promise<string> {
    const [program = '', ...rest] = argv;
    return (await execute(program, rest, { env: toolEnvironment() })).stdout;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#processes].map((each) => each.stop()));
  }
}
