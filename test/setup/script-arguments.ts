/** What a script of package.json takes behind `npm run SCRIPT --`. */
export interface ScriptUsage {
  readonly script: string;
  /** What it does, in a sentence. */
  readonly about: string;
  /** Its flags, each with what it does. */
  readonly flags?: Readonly<Record<string, string>>;
  /** The one argument that it may have beside flags: its name, and what it is. */
  readonly argument?: readonly [name: string, about: string];
}

/** What was given. */
export interface ScriptArguments {
  readonly flags: ReadonlySet<string>;
  readonly argument: string | undefined;
}

function help({ script, about, flags = {}, argument }: ScriptUsage): string {
  const known = argument === undefined ? [] : [[`[${argument[0]}]`, argument[1]] as const];
  const rows = [...known, ...Object.entries(flags), ['--help', 'says this'] as const];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`);
  return [`npm run ${script} [-- ARGUMENTS]: ${about}`, ...lines].join('\n');
}

/**
 * Ends the process with status 1, for what is wrong with the arguments.
 * @param script - of package.json
 * @param why - a part of a line
 */
export function refuseArguments(script: string, why: string): never {
  console.error(`${script}: ${why}: see npm run ${script} -- --help`);
  process.exit(1);
}

/**
 * Reads the arguments before anything is built or removed: `--help` answers and ends the process,
 * and so does what the script does not know.
 * @param usage - what it knows
 * @param args - what was given
 */
export function scriptArguments(
  usage: ScriptUsage,
  args: readonly string[] = process.argv.slice(2),
): ScriptArguments {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(help(usage));
    process.exit(0);
  }
  const flags = args.filter((each) => each.startsWith('-'));
  const others = args.filter((each) => !each.startsWith('-'));
  const unknown = flags.find((each) => !Object.hasOwn(usage.flags ?? {}, each));
  const surplus = unknown ?? others[usage.argument === undefined ? 0 : 1];
  if (surplus !== undefined) refuseArguments(usage.script, `unknown argument '${surplus}'`);
  return { flags: new Set(flags), argument: others[0] };
}
