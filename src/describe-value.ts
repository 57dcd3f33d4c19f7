import { types } from 'node:util';

const TEXT_MAX = 60;

/**
 * Describes a value in a few words, for the "got …" of a message. Never throws, not even for a
 * Proxy that throws at every access.
 * @param value - any value of a caller
 */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${String(value).slice(0, TEXT_MAX)}n`;
    case 'symbol':
    case 'function':
      return `a ${typeof value}`;
    case 'object':
      return value === null ? 'null' : describeObject(value);
    default:
      return String(value);
  }
}

function describeObject(value: object): string {
  if (types.isProxy(value)) return 'a Proxy';
  if (types.isUint8Array(value)) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return types.isDate(value) ? 'a Date' : 'an object';
}
