import type { Omission } from './result.js';
import type { Contestant, Workload } from './types.js';

/** The chosen workloads and contestants. */
export interface Choice {
  readonly workloads: readonly Workload[];
  readonly contestants: readonly Contestant[];
}

/** The choice on the command line. */
export interface ChoiceOptions {
  readonly quick: boolean;
  readonly words: readonly string[];
}

/** Maximum number of workloads of a quick run whose words choose workloads. */
const QUICK_WORKLOADS_MAX = 3;
const QUICK_CONTESTANTS: readonly string[] = ['reflector', 'reflector-gso'];

/**
 * Chooses by words. A word chooses every workload and contestant whose name contains it. If no word
 * chooses a workload, all are measured, or with `quick` those of a quick run; the same holds for
 * contestants. The bare reflectors are always measured.
 * @throws Error for a word that chooses nothing
 */
export function choose(all: Choice, { quick, words }: ChoiceOptions): Choice {
  const names = [...all.workloads, ...all.contestants].map(({ name }) => name);
  // A whole name chooses only that one, although other names may contain it.
  const fits = (name: string) => (word: string) =>
    names.includes(word) ? name === word : name.includes(word);
  const picked = <Item extends { readonly name: string }>(items: readonly Item[]) =>
    items.filter(({ name }) => words.some(fits(name)));
  for (const word of words) {
    if (!names.some((name) => name.includes(word)))
      throw new Error(`nothing is called ${word}: see --list`);
  }
  const workloads = picked(all.workloads);
  const contestants = picked(all.contestants);
  const isControl = ({ name }: Contestant) => QUICK_CONTESTANTS.includes(name);
  const isQuick = (one: Contestant) => isControl(one) || one.kind === 'turnpike';
  return {
    workloads: quick
      ? workloads.length > 0
        ? workloads.slice(0, QUICK_WORKLOADS_MAX)
        : all.workloads.filter((one) => one.quick === true)
      : workloads.length > 0
        ? workloads
        : all.workloads,
    contestants:
      contestants.length > 0
        ? all.contestants.filter((one) => isControl(one) || contestants.includes(one))
        : quick
          ? all.contestants.filter(isQuick)
          : all.contestants,
  };
}

/**
 * Returns the contestants that can run on this machine, and why the others cannot.
 */
export async function present(
  contestants: readonly Contestant[],
): Promise<{ readonly contestants: Contestant[]; readonly omissions: Omission[] }> {
  const omissions: Omission[] = [];
  const there: Contestant[] = [];
  for (const one of contestants) {
    const why = await one.missing().catch((error: Error) => error.message);
    if (why === undefined) there.push(one);
    else omissions.push({ what: one.title, why });
  }
  return { contestants: there, omissions };
}
