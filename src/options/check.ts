import { types } from 'node:util';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { canonicalIp, decodeAddress } from '../address.js';
import { describe } from '../describe-value.js';
import { isTurnpikeError, TurnpikeError, type TurnpikeErrorCode } from '../errors.js';
import { SECRET_BYTES } from '../secret-bytes.js';
import { nearestName } from './nearest.js';
import {
  type Checked,
  expectation,
  ONLY_AT_START,
  type OptionSpec,
  type OptionSpecs,
} from './option-spec.js';
import { PlainCopyError, plainCopy } from './plain-copy.js';
import { valueSchema } from './schema.js';

/** Maximum number of problems in one message. */
const PROBLEMS_MAX = 8;

interface Problem {
  readonly text: string;
  /** Why the value is invalid, if the description of a valid value does not say it. */
  readonly reason?: string | undefined;
  /** The error code, if this is the only problem. */
  readonly code: TurnpikeErrorCode;
}

/** The place of a value, such as `apiKeys[0].key`, and the list that its problems are added to. */
interface Place {
  readonly path: string;
  readonly problems: Problem[];
}

/**
 * Checks the options of a public call: each member against its spec. Unknown members are errors.
 * Each member is read once. Objects of options, lists, bytes and data are copied, so a later change
 * of the caller's object has no effect.
 * @param call - the public function, such as `Relay.open`, for messages
 * @param specs - the options it takes
 * @param given - the caller's value, of any type
 * @returns the converted values with their defaults
 * @throws TurnpikeError with every problem in the message, up to eight; ERR_TURNPIKE_ADDRESS or
 *   ERR_TURNPIKE_SECRET if all problems have that code, otherwise ERR_TURNPIKE_CONFIG
 */
export function checkOptions<O, T extends OptionSpecs>(
  call: string,
  specs: T,
  given: unknown,
): Checked<O, T> {
  const problems: Problem[] = [];
  const values = checkMembers(specs, given, { path: '', problems });
  throwAny(call, problems);
  return values as Checked<O, T>;
}

function throwAny(call: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const codes = new Set(problems.map(({ code }) => code));
  const [code] = codes.size === 1 ? codes : (['ERR_TURNPIKE_CONFIG'] as const);
  const texts = problems.slice(0, PROBLEMS_MAX).map(({ text }) => text);
  if (problems.length > PROBLEMS_MAX) texts.push(`and ${problems.length - PROBLEMS_MAX} more`);
  throw new TurnpikeError(code ?? 'ERR_TURNPIKE_CONFIG', `${call}: ${texts.join('; ')}`);
}

/**
 * Checks a change of settings like `checkOptions`. A setting that is left out is not changed. One
 * that changes only at a start is an error.
 * @returns the given settings, converted
 * @throws TurnpikeError as `checkOptions`
 */
export function checkUpdate<O, T extends OptionSpecs>(
  call: string,
  specs: T,
  given: unknown,
): Partial<Checked<O, T>> {
  const problems: Problem[] = [];
  const values = checkMembers(specs, given, { path: '', problems }, true);
  throwAny(call, problems);
  return values as Partial<Checked<O, T>>;
}

/**
 * Returns the members of a larger object of options that a call takes.
 * @param specs - the options that the call takes
 */
export function optionsOf<O>(specs: { readonly [K in keyof O]-?: OptionSpec }, larger: O): O {
  const names = Object.keys(specs) as (keyof O)[];
  return Object.fromEntries(names.map((name) => [name, larger[name]])) as O;
}

/**
 * A valid value, converted; or why it is invalid, if the description of a valid value does not say
 * it.
 */
export type CheckedValue =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string | undefined };

/** Checks and converts one value of an option, for a caller that words the message itself. */
export function checkValue(spec: OptionSpec, given: unknown): CheckedValue {
  const problems: Problem[] = [];
  const value = checkOne(spec, given, { path: '', problems });
  const [problem] = problems;
  return problem === undefined ? { ok: true, value } : { ok: false, reason: problem.reason };
}

/**
 * Returns the error for an argument of the wrong type, ERR_TURNPIKE_CONFIG.
 * @param call - the public function
 * @param expects - description of a valid argument
 * @param given - the argument
 */
export function wrongArgument(call: string, expects: string, given: unknown): TurnpikeError {
  const message = `${call}: expected ${expects}, got ${describe(given)}`;
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}

function checkMembers(
  specs: OptionSpecs,
  given: unknown,
  place: Place,
  isUpdate = false,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const read = members(given);
  if (read === undefined) {
    const name = place.path === '' ? 'the options' : quoted(place.path);
    tell(place, `${name}: expected an object of options, got ${describe(given)}`);
    return values;
  }
  const known = Object.keys(specs);
  for (const name of read.names.filter((each) => !Object.hasOwn(specs, each))) {
    const nearest = nearestName(name, known);
    const hint =
      nearest === undefined
        ? `known: ${known.join(', ')}`
        : `did you mean ${quoted(join(place.path, nearest))}?`;
    tell(place, `unknown option ${quoted(join(place.path, name))}: ${hint}`);
  }
  for (const [name, spec] of Object.entries(specs)) {
    const path = join(place.path, name);
    const member = read.get(name);
    if (!member.ok) {
      tell(place, `${quoted(path)} cannot be read: ${member.reason}`);
    } else if (isUpdate && member.value !== undefined && spec.changes !== 'while running') {
      tell(place, `${quoted(path)} ${ONLY_AT_START}`);
    } else if (!isUpdate || member.value !== undefined) {
      values[name] = checkMember(spec, member.value, { path, problems: place.problems });
    }
  }
  return values;
}

function checkMember(spec: OptionSpec, value: unknown, place: Place): unknown {
  if (value === undefined) {
    if (spec.required === true) {
      tell(place, `missing option ${quoted(place.path)}: expected ${expected(spec)}`);
    }
    return spec.repeat === true ? [] : spec.default;
  }
  return spec.repeat === true ? checkList(spec, value, place) : checkOne(spec, value, place);
}

function checkList(spec: OptionSpec, value: unknown, place: Place): unknown[] {
  const { itemsMin = spec.required === true ? 1 : 0, itemsMax = ITEMS_MAX } = spec;
  const isList = !types.isProxy(value) && Array.isArray(value);
  const count = isList ? value.length : 1;
  if (count < itemsMin || count > itemsMax) {
    const range = itemsMin === itemsMax ? itemsMax : `${itemsMin} to ${itemsMax}`;
    tell(place, `${quoted(place.path)}: expected ${range} of them, got ${count}`);
    return [];
  }
  if (!isList) return [checkOne(spec, value, place)];
  return Array.from({ length: count }, (_, index) => {
    const path = `${place.path}[${index}]`;
    try {
      return checkOne(spec, value[index], { ...place, path });
    } catch {
      return tell(place, `${quoted(path)} cannot be read`);
    }
  });
}

/** Maximum values of one option that may repeat, unless its spec sets `itemsMax`. */
export const ITEMS_MAX = 1_024;

function checkOne(spec: OptionSpec, value: unknown, place: Place): unknown {
  switch (spec.kind) {
    case 'address':
      return checkAddress(spec, value, place);
    case 'url':
      return checkUrl(spec, value, place);
    case 'ip':
      return checkIp(spec, value, place);
    case 'secret':
      if (types.isUint8Array(value) && value.length === SECRET_BYTES) return new Uint8Array(value);
      return refuse(spec, value, place, { code: 'ERR_TURNPIKE_SECRET' });
    case 'pem':
      if (types.isUint8Array(value)) return Buffer.from(value);
      return typeof value === 'string' ? value : refuse(spec, value, place);
    case 'signal':
      return isSignal(value) ? value : refuse(spec, value, place);
    case 'function':
      return typeof value === 'function' ? value : refuse(spec, value, place);
    case 'methods':
      return hasMethods(value, spec.methods ?? []) ? value : refuse(spec, value, place);
    case 'options':
      return checkMembers(spec.options ?? {}, value, place);
    case 'data':
      return checkData(spec, value, place);
    default:
      // A Proxy may throw at every access, so it never reaches the schema.
      if (typeof value === 'object' || !Value.Check(valueSchema(spec), value)) {
        return refuse(spec, value, place, untrimmed(spec, value));
      }
      // `+ 0` turns -0 into 0.
      return typeof value === 'number' ? value + 0 : value;
  }
}

/**
 * Returns the reason if the value is valid but for surrounding white space, such as the line break
 * at the end of a key file, because a message does not show it.
 */
function untrimmed(spec: OptionSpec, value: unknown): { readonly reason?: string } {
  if (typeof value !== 'string' || !Value.Check(valueSchema(spec), value.trim())) return {};
  return { reason: 'a line break or blanks are around it: trim it' };
}

function checkAddress(spec: OptionSpec, value: unknown, place: Place): unknown {
  const decoded = decodeAddress(value);
  const code = 'ERR_TURNPIKE_ADDRESS';
  if (!decoded.ok) return refuse(spec, value, place, { code, reason: decoded.reason });
  if (decoded.address.port < (spec.minimum ?? 0)) {
    return refuse(spec, value, place, { code, reason: 'the port must not be 0' });
  }
  return decoded.address;
}

function checkIp(spec: OptionSpec, value: unknown, place: Place): unknown {
  try {
    return canonicalIp(value as string);
  } catch (error) {
    const { message } = error as TurnpikeError;
    return refuse(spec, value, place, { code: 'ERR_TURNPIKE_ADDRESS', reason: message });
  }
}

function checkUrl(spec: OptionSpec, value: unknown, place: Place): unknown {
  const text = isUrl(value) ? value.href : value;
  if (!Value.Check(valueSchema(spec), text) || !URL.canParse(text as string)) {
    return refuse(spec, value, place);
  }
  return text;
}

function checkData(spec: OptionSpec, value: unknown, place: Place): unknown {
  let copy: unknown;
  try {
    copy = plainCopy(value);
  } catch (error) {
    if (!(error instanceof PlainCopyError)) throw error;
    return refuse(spec, value, place, { reason: error.message });
  }
  const schema = valueSchema(spec) as TSchema;
  const checked = spec.lenient === true ? Value.Clean(schema, copy) : copy;
  if (Value.Check(schema, checked)) return converted(spec, checked, place);
  const [first] = Value.Errors(schema, checked);
  const where = first?.instancePath ?? '';
  return refuse(spec, value, place, { reason: `${where} ${first?.message ?? 'is wrong'}`.trim() });
}

function converted(spec: OptionSpec, value: unknown, place: Place): unknown {
  try {
    return spec.convert === undefined ? value : spec.convert(value);
  } catch (error) {
    if (!isTurnpikeError(error)) throw error;
    return refuse(spec, value, place, { reason: error.message });
  }
}

interface Refusal {
  readonly code?: TurnpikeErrorCode;
  readonly reason?: string;
}

function refuse(
  spec: OptionSpec,
  value: unknown,
  place: Place,
  { code, reason }: Refusal = {},
): undefined {
  const secret = spec.confidential === true && typeof value === 'string';
  const got = secret ? `text of ${value.length} characters` : describe(value);
  const why = reason === undefined ? '' : `: ${reason}`;
  const text = `${quoted(place.path)}: expected ${expected(spec)}, got ${got}${why}`;
  place.problems.push({ text, reason, code: code ?? 'ERR_TURNPIKE_CONFIG' });
}

function tell(place: Place, text: string): void {
  place.problems.push({ text, code: 'ERR_TURNPIKE_CONFIG' });
}

function expected(spec: OptionSpec): string {
  return spec.kind === 'address'
    ? `${expectation(spec)} as text, or an object with address and port`
    : expectation(spec);
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function quoted(name: string): string {
  return `\`${name.length > 60 ? `${name.slice(0, 60)}…` : name}\``;
}

/** A member of an object, or why its getter threw. */
type ReadMember =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

interface Members {
  readonly names: readonly string[];
  get(name: string): ReadMember;
}

/** Returns the members of an object; undefined for another type, or if the keys cannot be read. */
function members(given: unknown): Members | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  try {
    if (Array.isArray(given)) return undefined;
    return {
      names: Object.keys(given),
      get: (name) => {
        try {
          return { ok: true, value: (given as Record<string, unknown>)[name] };
        } catch (error) {
          const reason = types.isNativeError(error) ? String(error.message) : 'its getter throws';
          return { ok: false, reason };
        }
      },
    };
  } catch {
    return undefined;
  }
}

function isSignal(value: unknown): boolean {
  // A Proxy of an AbortSignal passes `instanceof`, but its methods throw.
  return !types.isProxy(value) && value instanceof AbortSignal;
}

function isUrl(value: unknown): value is URL {
  return !types.isProxy(value) && value instanceof URL;
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== 'object' && typeof value !== 'function') return false;
  try {
    return methods.every(
      (name) => typeof (value as Record<string, unknown> | null)?.[name] === 'function',
    );
  } catch {
    return false;
  }
}
