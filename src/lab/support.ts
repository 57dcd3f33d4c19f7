import type { TurnpikeError } from '../errors.js';
import { deleteNamespacesSync, namespaceNames, newPrefix } from './namespaces.js';
import { findTool, runSync, SEARCH_PATH } from './tools.js';

/** The programs that a lab runs, with their Debian packages. */
const TOOLS = { ip: 'iproute2', nft: 'nftables', setpriv: 'util-linux', tee: 'coreutils' } as const;

type Tool = keyof typeof TOOLS;

/** Whether labs can be created here, or one line with what is missing. */
export type LabSupport = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** Rules that need the same kernel features as the lab's. */
const PROBE_RULES = `
table ip probe {
  chain postrouting {
    type nat hook postrouting priority srcnat
    numgen random mod 100 < 1 masquerade
  }
}
`;

let support: LabSupport | undefined;

/**
 * Returns whether labs can be created here. They need root, the tools, and a kernel that allows
 * network namespaces and NAT rules, which the first call tries with a namespace.
 * @returns ok, or one line with what is missing
 */
export function labSupport(): LabSupport {
  support ??= findSupport();
  return support;
}

function findSupport(): LabSupport {
  if (process.platform !== 'linux') return { ok: false, why: 'network namespaces need Linux' };
  if (process.getuid?.() !== 0) {
    return { ok: false, why: 'network namespaces need root: run it again with sudo' };
  }
  const missing = missingTools(SEARCH_PATH);
  if (missing.length > 0) {
    const packages = missing.map((tool) => TOOLS[tool]).join(' ');
    return { ok: false, why: `${missing.join(', ')} not found: apt-get install ${packages}` };
  }
  return tryKernel();
}

function tryKernel(): LabSupport {
  const probe = `${newPrefix()}-probe`;
  try {
    runSync(['ip', 'netns', 'add', probe]);
    runSync(['ip', 'netns', 'exec', probe, 'nft', '-f', '-'], PROBE_RULES);
    return { ok: true };
  } catch (error) {
    const why = (error as TurnpikeError).message;
    return { ok: false, why: `network namespaces with NAT do not work here: ${why}` };
  } finally {
    deleteNamespacesSync([probe].filter((name) => namespaceNames().includes(name)));
  }
}

/**
 * Returns the tools that are in none of these directories.
 * @param searchPath - as PATH
 */
export function missingTools(searchPath: string): Tool[] {
  return (Object.keys(TOOLS) as Tool[]).filter((tool) => findTool(tool, searchPath) === undefined);
}
