import { type ChildProcess, execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { toolEnvironment } from '../../src/lab/tools.js';
import { BoundedText } from './bounded-text.js';

/** Maximum length of one file of a kept failure. */
export const KEPT_FILE_BYTES = 256 * 1_024;
/** Maximum number of kept failures; the oldest is removed for a new one. */
export const KEPT_FAILURES = 16;
/** Maximum number of programs of one failure; those that started last are kept. */
const PROGRAMS_MAX = 64;
/** Last lines of each program that comments of the test show, and their maximum length. */
const SHOWN_LINES = 6;
const SHOWN_COLUMNS = 300;
const COMMAND_TIMEOUT_MS = 5_000;

/** Shell commands that show the state of a network namespace. */
const NAMESPACE_STATE = [
  'ip -s -d link',
  'ip addr',
  'ip rule',
  'ip -4 route show table all',
  'ip -6 route show table all',
  'ip neigh',
  'ss -u -a -n -p -m',
  'ss -t -a -n -p',
  'nft list ruleset',
  'cat /proc/net/snmp',
  'cat /proc/net/snmp6',
  'cat /proc/net/softnet_stat',
  'cat /proc/net/stat/nf_conntrack',
  'for path in /sys/class/net/*; do echo "$path"; ethtool -S "$(basename "$path")"; done',
];

/** Shell commands that show the load of the machine. */
const MACHINE_STATE = [
  'cat /proc/loadavg',
  'cat /proc/pressure/cpu',
  'ps -eo pid,ppid,stat,ni,pcpu,etimes,args --sort=-pcpu | head -n 60 | cut -c 1-300',
];

interface Program {
  readonly name: string;
  readonly output: BoundedText;
  /** Returns its command line and its current state. */
  state(): string;
}

interface Question {
  readonly namespace: string;
  readonly title: string;
  readonly argv: readonly string[];
}

/** Records the output of a test's programs, and writes it with the state of its networks. */
export class Evidence {
  /** Names of hosts and NATs by their network namespaces. */
  readonly #namespaces = new Map<string, string>();
  readonly #finders: (() => readonly string[])[] = [];
  #isHere = false;
  readonly #programs: Program[] = [];
  readonly #questions: Question[] = [];

  /** Includes the state of a network namespace, under a name of the lab's. */
  watch(namespace: string, name: string): void {
    this.#namespaces.set(namespace, name);
  }

  /** Includes the state of network namespaces that other programs make and remove. */
  watchFound(find: () => readonly string[]): void {
    this.#finders.push(find);
  }

  /** Includes the state of the network namespace that the test itself is in. */
  watchHere(): void {
    this.#isHere = true;
  }

  /**
   * Includes the output of a program from now on, which other code can still read.
   * @param name - of its host, or its own
   */
  record(name: string, argv: readonly string[], child: ChildProcess): void {
    const output = new BoundedText(KEPT_FILE_BYTES);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) copyPushed(stream, output);
    }
    let end = '';
    child.once('close', (code, signal) => {
      end = `ended with ${signal ?? `status ${code}`}`;
    });
    const state = () => end || `runs as ${child.pid}\n${status(child.pid)}`;
    this.#add({ name, output, state: () => `${argv.join(' ')}\n${state()}` });
  }

  /** Includes a log of this process. @returns a destination for pino */
  log(name: string): { write(line: string): void } {
    const output = new BoundedText(KEPT_FILE_BYTES);
    this.#add({ name, output, state: () => 'in the process of the test' });
    return { write: (line) => void output.add(line) };
  }

  #add(program: Program): void {
    this.#programs.push(program);
    if (this.#programs.length > PROGRAMS_MAX) this.#programs.shift();
  }

  /** Includes the output of a program that `write` runs in a network namespace. */
  ask(question: Question): void {
    this.#questions.push(question);
  }

  /**
   * Writes a file for each namespace, program and question.
   * @param folder - folder of the files, which is created
   * @returns the last lines of each program
   */
  async write(folder: string): Promise<string[]> {
    mkdirSync(folder, { recursive: true });
    const save = (name: string, text: string) => writeFileSync(join(folder, `${name}.txt`), text);
    const bounded = (text: string) => new BoundedText(KEPT_FILE_BYTES).add(text).text();
    const state = async (name: string, argv: readonly string[]) =>
      save(`network-${name}`, bounded(await run(argv)));
    const found = this.#finders.flatMap((find) => find().map((name) => [name, name] as const));
    await Promise.all([
      ...[...this.#namespaces, ...found].map(([namespace, name]) =>
        state(name, inNamespace(namespace, shell(NAMESPACE_STATE))),
      ),
      this.#isHere && state('of-the-test', shell(NAMESPACE_STATE)),
      ...this.#questions.map(async ({ namespace, title, argv }) =>
        save(title, bounded(await run(inNamespace(namespace, argv)))),
      ),
      run(shell(MACHINE_STATE)).then((text) => save('machine', bounded(text))),
    ]);
    return this.#programs.flatMap((program, index) => {
      const { name, output } = program;
      save(`program-${index}-${name}`, `${program.state()}\n\n${output.text()}`);
      return lastLines(output.text()).map((line) => `${name}: ${line}`);
    });
  }
}

/**
 * Returns a path for the folder of a failure, and removes the oldest folders beyond the bound.
 * @param parent - parent of the folders of all failures
 */
export function failureFolder(parent: string): string {
  mkdirSync(parent, { recursive: true });
  const before = readdirSync(parent).sort();
  for (const name of before.slice(0, Math.max(before.length - KEPT_FAILURES + 1, 0))) {
    rmSync(join(parent, name), { recursive: true, force: true });
  }
  const time = new Date().toISOString().replace(/[-:]/g, '').replace('.', '-');
  const test = basename(process.argv[1] ?? '').replace(/\.test\.ts$/, '');
  return join(parent, `${time}-${test}-${process.pid}`);
}

/** Copies what a stream receives, independently of its readers. */
function copyPushed(stream: Readable, into: BoundedText): void {
  const push = stream.push.bind(stream);
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (typeof chunk === 'string' || Buffer.isBuffer(chunk)) into.add(String(chunk));
    return push(chunk, encoding);
  };
}

function shell(commands: readonly string[]): string[] {
  const script = commands.map((command) => `echo; echo '# ${command}'; ${command} 2>&1`);
  return ['sh', '-c', script.join('\n')];
}

function inNamespace(namespace: string, argv: readonly string[]): string[] {
  return ['ip', 'netns', 'exec', namespace, ...argv];
}

async function run([program = '', ...rest]: readonly string[]): Promise<string> {
  const options = {
    env: toolEnvironment(),
    maxBuffer: 16 * KEPT_FILE_BYTES,
    timeout: COMMAND_TIMEOUT_MS,
  };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, rest, options);
    return `${stdout}${stderr}`;
  } catch (error) {
    const { stdout = '', message } = error as Error & { stdout?: string };
    return `${stdout}\n${message}\n`;
  }
}

function status(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}

function lastLines(text: string): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-SHOWN_LINES).map((line) => line.slice(0, SHOWN_COLUMNS));
}
