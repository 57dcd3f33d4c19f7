import { existsSync } from 'node:fs';
import { missingText, missingTools } from '../../test/setup/system-packages.js';
import { BPF_TOOLS } from '../../test/setup/system-tools.js';
import { toolPath } from './programs.js';

const PROGRAMS = ['far_counter', 'xdp_redirect', 'live_generator'];

let buildFailure: string | undefined;

/** Returns whether the rig's BPF programs exist. If not, nftables counts and XDP is left out. */
export function hasBpfTools(): boolean {
  return PROGRAMS.every((name) => existsSync(toolPath(name)));
}

/** Sets the reason why the BPF programs could not be built; undefined if they were. */
export function noteBpfBuild(failure: string | undefined): void {
  buildFailure = failure;
}

/** Returns why the BPF programs cannot be used; undefined if they exist or can be built. */
export function bpfObstacle(): string | undefined {
  if (hasBpfTools()) return undefined;
  const missing = missingTools(BPF_TOOLS);
  if (missing.length > 0) return missingText(missing);
  return buildFailure;
}
