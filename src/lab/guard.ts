import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { deleteNamespacesSync, namespaceNames } from './namespaces.js';
import { toolEnvironment } from './tools.js';

/** Namespaces of this process that have to be gone when it is. */
const owned = new Set<string>();

let exitHook = false;

/** Reads names up to the end of its input, then kills what runs in them and removes them. */
const GUARD_SCRIPT = `
sort | while read -r namespace; do
  kill -9 $(ip netns pids "$namespace")
  ip netns del "$namespace"
done
`;

/**
 * Sees to it that a lab's namespaces end with their owner, however that ends: a small shell
 * pipeline waits on a pipe from the owner, and does its work when the pipe closes, be it because of
 * SIGKILL. `sort` is what waits, as it writes nothing before its input ends.
 */
export class NamespaceGuard {
  readonly #namespaces: string[] = [];
  readonly #pipeline: ChildProcess;

  constructor() {
    this.#pipeline = spawn('sh', ['-c', GUARD_SCRIPT], {
      env: toolEnvironment(),
      stdio: ['pipe', 'ignore', 'ignore'],
      // A session of its own: signals meant for the owner's terminal must not end the guard first.
      detached: true,
    });
    // It must not keep an owner alive that has nothing else to do.
    this.#pipeline.unref();
    (this.#pipeline.stdin as Socket | null)?.unref();
    // Without its guard a lab still removes itself; only SIGKILL of the owner would leave it.
    this.#pipeline.on('error', () => {});
    this.#pipeline.stdin?.on('error', () => {});
    if (!exitHook) process.on('exit', () => deleteNamespacesSync([...owned]));
    exitHook = true;
  }

  /** Takes charge of a namespace. Call it before the namespace is made. */
  watch(namespace: string): void {
    this.#namespaces.push(namespace);
    owned.add(namespace);
    this.#pipeline.stdin?.write(`${namespace}\n`);
  }

  /** Kills what runs in the namespaces and removes them. */
  async close(): Promise<void> {
    const existing = new Set(namespaceNames());
    deleteNamespacesSync(this.#namespaces.filter((name) => existing.has(name)));
    for (const name of this.#namespaces) owned.delete(name);
    if (this.#pipeline.exitCode !== null || this.#pipeline.signalCode !== null) return;
    this.#pipeline.ref();
    const ended = once(this.#pipeline, 'exit');
    this.#pipeline.stdin?.end();
    await ended;
  }
}
