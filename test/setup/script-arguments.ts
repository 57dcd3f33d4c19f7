/** The arguments that a script of package.json takes after `npm run SCRIPT --`. */
export interface ScriptUsage {
  readonly script: string;
  /** The purpose of the script, as a sentence without its subject. */
  readonly about: string;
  /** Its flags, each with a description. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Its optional positional argument: name and description. */
  readonly argument?: readonly [name: string, about: string];
}

/** The arguments that were given. */
export interface ScriptArguments {
  readonly flags: ReadonlySet<string>;
  readonly argument: string | undefined;
}

function help({ script, about, flags = {}, argument }: ScriptUsage): string {
  const known = argument === undefined ? [] : [[`[${argument[0]}]`, argument[1]] as const];
  const rows = [...known, ...Object.entries(flags), ['--help', 'prints this'] as const];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`);
  return [`npm run ${script} [-- ARGUMENTS]: ${about}`, ...lines].join('\n');
}

/**
 * Reports wrong arguments in one line and ends the process with status 1.
 * @param script - name of the script in package.json
 * @param why - what is wrong, as a part of the line
 */
export function refuseArguments(script: string, why: string): never {
  console.error(`${script}: ${why}: see npm run ${script} -- --help`);
  process.exit(1);
}

/**
 * Parses the arguments of a script, before it builds or removes anything. `--help` prints the usage
 * and ends the process with status 0; an unknown argument ends it with status 1.
 * @param usage - the arguments that the script takes
 * @param args - the arguments that were given
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
