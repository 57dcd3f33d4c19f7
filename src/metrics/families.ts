import type { Counter, Gauge, Registry } from 'prom-client';

/** Label values with their numbers. */
type Rows = Iterable<readonly [label: string, value: number]>;

/** What a metric is, and where it is registered. */
interface Kind {
  readonly type: typeof Gauge | typeof Counter;
  readonly registry: Registry;
}

/** Registers a metric with one label, read when it is asked for. */
export function collect(
  kind: Kind,
  name: string,
  help: string,
  label: string,
  rows: () => Rows,
): void {
  new kind.type({
    name,
    help,
    labelNames: [label],
    registers: [kind.registry],
    collect() {
      this.reset();
      for (const [value, number] of rows()) this.inc({ [label]: value }, number);
    },
  });
}

/** Registers a metric without labels, read when it is asked for. */
export function single(kind: Kind, name: string, help: string, value: () => number): void {
  new kind.type({
    name,
    help,
    registers: [kind.registry],
    collect() {
      this.reset();
      this.inc(value());
    },
  });
}
