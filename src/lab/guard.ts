import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { deleteNamespacesSync, namespaceNames } from './namespaces.js';
import { toolEnvironment } from './tools.js';

/** Namespaces to be removed at the exit of this process. */
const owned = new Set<string>();

let exitHook = false;

/**
 * Reads names until end of input, then kills the processes in these namespaces and removes them.
 */
const GUARD_SCRIPT = `
sort | while read -r namespace; do
  kill -9 $(ip netns pids "$namespace")
  ip netns del "$namespace"
done
`;

/**
 * Removes a lab's namespaces when their owner ends, even by SIGKILL. A shell pipeline reads a pipe
 * from the owner and removes the namespaces when the pipe closes. `sort` delays the loop until
 * then, because it writes nothing before the end of its input.
 */
export class NamespaceGuard {
  readonly #namespaces: string[] = [];
  readonly #pipeline: ChildProcess;

  constructor() {
    this.#pipeline = spawn('sh', ['-c', GUARD_SCRIPT], {
      env: toolEnvironment(),
      stdio: ['pipe', 'ignore', 'ignore'],
      // A session of its own: a signal to the owner's terminal must not end the guard.
      detached: true,
    });
    // The guard must not keep the owner's event loop alive.
    this.#pipeline.unref();
    (this.#pipeline.stdin as Socket | null)?.unref();
    // Without its guard a lab still removes itself, except after SIGKILL of the owner.
    this.#pipeline.on('error', () => {});
    this.#pipeline.stdin?.on('error', () => {});
    if (!exitHook) process.on('exit', () => deleteNamespacesSync([...owned]));
    exitHook = true;
  }

  /** Adds a namespace. To be called before the namespace is created. */
  watch(namespace: string): void {
    this.#namespaces.push(namespace);
    owned.add(namespace);
    this.#pipeline.stdin?.write(`${namespace}\n`);
  }

  /** Kills the processes in the namespaces and removes the namespaces. */
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
