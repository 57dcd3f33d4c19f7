import { existsSync } from 'node:fs';
import { missingText, missingTools } from '../../test/setup/system-packages.js';
import { BPF_TOOLS } from '../../test/setup/system-tools.js';
import { toolPath } from './programs.js';

const PROGRAMS = ['far_counter', 'xdp_redirect', 'live_generator'];

let buildFailure: string | undefined;

/** Whether the rig's BPF programs are there: without them nftables counts, and nothing does XDP. */
export function hasBpfTools(): boolean {
  return PROGRAMS.every((name) => existsSync(toolPath(name)));
}

/** Remembers why the BPF programs could not be built, or that they could. */
export function noteBpfBuild(failure: string | undefined): void {
  buildFailure = failure;
}

/** Why what needs the BPF programs has no part; undefined when they are there or can be built. */
export function bpfObstacle(): string | undefined {
  if (hasBpfTools()) return undefined;
  const missing = missingTools(BPF_TOOLS);
  if (missing.length > 0) return missingText(missing);
  return buildFailure;
}
