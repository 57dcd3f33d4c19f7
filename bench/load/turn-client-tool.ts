import { existsSync } from 'node:fs';
import { missingText, missingTools } from '../../test/setup/system-packages.js';
import { TURN_CLIENT_TOOLS } from '../../test/setup/system-tools.js';
import { toolPath } from './programs.js';

let buildFailure: string | undefined;

/** Sets the reason why the rig's TURN client could not be built; undefined if it was. */
export function noteTurnClientBuild(failure: string | undefined): void {
  buildFailure = failure;
}

/** Returns why the rig's TURN client cannot be used; undefined if it exists or can be built. */
export function turnClientObstacle(): string | undefined {
  if (buildFailure !== undefined) return buildFailure;
  if (existsSync(toolPath('turn_client'))) return undefined;
  const missing = missingTools(TURN_CLIENT_TOOLS);
  return missing.length > 0 ? missingText(missing) : undefined;
}
