import { readdirSync, readFileSync } from 'node:fs';

/** Returns the children of a process, without the transpiler's. */
export function childrenOf(pid: number | undefined): { pid: number; name: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
        // The transpiler's helper process ends by itself a little later.
        return parent === pid && name !== 'esbuild' ? [{ pid: Number(entry), name }] : [];
      } catch {
        // The process ended meanwhile.
        return [];
      }
    });
}
