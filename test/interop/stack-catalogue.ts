import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '../../src/lab/tools.js';
import { ROOT } from '../house/source-files.js';
import { hasNodeStacks, INTEROP_BUILD } from '../setup/node-stacks.js';
import { missingText, missingTools, type SystemTool } from '../setup/system-packages.js';
import {
  AIOICE,
  AIORTC,
  CHROMIUM,
  FIREFOX,
  GO,
  GSTREAMER,
  GSTREAMER_PARTS,
  LIBNICE,
  PION_WEBRTC,
} from '../setup/system-tools.js';

const FOLDER = join(ROOT, 'test/interop/stacks');
/** Debian's, which has its packages. */
const PYTHON = '/usr/bin/python3';
const PION_SOURCE = join(FOLDER, 'pion/main.go');
const PION = join(INTEROP_BUILD, 'pion');
/** Where Debian's Go packages are. */
const GO_PATH = '/usr/share/gocode';

/** What is missing of the stacks of npm. */
const NOT_INSTALLED = 'its npm package is not installed';

/** An implementation of ICE or WebRTC, with a program that runs one agent of it. */
export interface Stack {
  readonly name: string;
  /** How two agents exchange data. Only stacks with the same way reach each other. */
  readonly exchange: 'data channel' | 'datagrams';
  /** The command that runs an agent, to which the task is appended. */
  readonly argv: readonly string[];
  /** Returns why this machine cannot run it; empty if it can. */
  obstacle(): string;
  /** Returns its version. */
  version(): string;
}

function ofDebian(tool: SystemTool, ...others: readonly SystemTool[]) {
  return {
    obstacle: () => {
      const missing = missingTools([tool, ...others]);
      return missing.length === 0 ? '' : missingText(missing);
    },
    version: () => {
      const status = execFileSync('dpkg-query', ['-s', tool.debianPackage], { encoding: 'utf8' });
      return /^Version: (\S+)/m.exec(status)?.[1] ?? '';
    },
  };
}

function python(
  name: string,
  exchange: Stack['exchange'],
  ...tools: readonly [SystemTool, ...SystemTool[]]
): Stack {
  const program = join(FOLDER, `${name}_agent.py`);
  // -B leaves no compiled files beside the sources.
  const argv = [PYTHON, '-B', program];
  return { name, exchange, argv, ...ofDebian(...tools) };
}

/** A package of test/interop/stacks/package.json. */
function ofNode(name: string, packageName = name): Stack {
  const manifest = join(INTEROP_BUILD, 'node_modules', packageName, 'package.json');
  return {
    name,
    exchange: 'data channel',
    argv: [process.execPath, join(FOLDER, 'node-agent.mjs'), name],
    obstacle: () => (hasNodeStacks() ? '' : NOT_INSTALLED),
    version: () => JSON.parse(readFileSync(manifest, 'utf8')).version,
  };
}

function browser(name: string, tool: SystemTool): Stack {
  return {
    name,
    exchange: 'data channel',
    argv: [process.execPath, join(FOLDER, 'browser-agent.mjs'), name],
    ...ofDebian(tool),
  };
}

const PION_STACK: Stack = {
  name: 'pion',
  exchange: 'data channel',
  argv: [PION],
  ...ofDebian(PION_WEBRTC, GO),
};

/** Every stack, in the order of the ring of its kind. */
export const STACKS: readonly Stack[] = [
  python('aiortc', 'data channel', AIORTC),
  python('gstreamer', 'data channel', GSTREAMER, ...GSTREAMER_PARTS),
  ofNode('werift'),
  // Not beside node-datachannel, which it cannot reach.
  PION_STACK,
  ofNode('wrtc', '@roamhq/wrtc'),
  ofNode('node-datachannel'),
  browser('chromium', CHROMIUM),
  browser('firefox', FIREFOX),
  python('aioice', 'datagrams', AIOICE),
  python('libnice', 'datagrams', LIBNICE),
];

/**
 * Builds pion's agent if it is not up to date.
 * @throws if it does not build
 */
export function buildPion(): void {
  if (existsSync(PION) && statSync(PION).mtimeMs > statSync(PION_SOURCE).mtimeMs) return;
  mkdirSync(join(PION, '..'), { recursive: true });
  // Debian's packages are built without modules, so nothing is fetched.
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_PATH, GOFLAGS: '' };
  execFileSync(findTool('go') ?? 'go', ['build', '-o', PION, PION_SOURCE], { env });
}

/** Why two stacks do not reach each other in any network. */
const STRANGERS: readonly { readonly names: readonly [string, string]; readonly why: string }[] = [
  {
    names: ['pion', 'node-datachannel'],
    why:
      "Debian's pion/sctp refuses an SCTP INIT with the parameter Zero Checksum Acceptable " +
      '(RFC 9653), which the other sends',
  },
];

/** Returns why two stacks do not reach each other in any network; empty if they do. */
export function strangers(first: Stack, second: Stack): string {
  const isOf = (names: readonly string[]) =>
    names.includes(first.name) && names.includes(second.name);
  return (first !== second && STRANGERS.find(({ names }) => isOf(names))?.why) || '';
}

/**
 * Returns each pair of a ring: each stack with itself and with the next that exchanges data in the
 * same way.
 */
export function ringOf(stacks: readonly Stack[]): (readonly [Stack, Stack])[] {
  return stacks.flatMap((stack) => {
    const alike = stacks.filter(({ exchange }) => exchange === stack.exchange);
    const next = alike[(alike.indexOf(stack) + 1) % alike.length] ?? stack;
    return next === stack ? [[stack, stack] as const] : [[stack, stack] as const, [stack, next]];
  });
}

/** Returns every pair of stacks that exchange data in the same way, in both directions. */
export function matrixOf(stacks: readonly Stack[]): (readonly [Stack, Stack])[] {
  return stacks.flatMap((first) =>
    stacks
      .filter(({ exchange }) => exchange === first.exchange)
      .map((second) => [first, second] as const),
  );
}
