/** The type of a metric in Prometheus. */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

/**
 * The unit of a metric. `seconds` and `bytes` are base units and part of the name. `count` is a
 * number of the things that the name says, `boolean` is 1 or 0, `info` is always 1.
 */
export type MetricUnit = 'seconds' | 'bytes' | 'count' | 'boolean' | 'info';

/** The values of a label: the list of them, or what bounds their number. */
export type LabelValues = readonly string[] | { readonly bound: string };

/** The declaration of a metric. `/metrics` and docs/metrics.md are made from it. */
export interface Metric {
  readonly kind: MetricKind;
  readonly unit: MetricUnit;
  /** Its meaning in one or two sentences, for `# HELP` and docs/metrics.md. */
  readonly help: string;
  /** Values by label. A stranger's input never becomes a value. */
  readonly labels?: Readonly<Record<string, LabelValues>>;
  /** Upper bounds of a histogram's buckets, in its unit, without +Inf. */
  readonly buckets?: readonly number[];
}

/** Metrics by their full name. */
export type Metrics = Readonly<Record<string, Metric>>;

/** The names of the metrics of some kinds. */
export type NameOf<M extends Metrics, Kind extends MetricKind> = {
  [Name in keyof M & string]: M[Name]['kind'] extends Kind ? Name : never;
}[keyof M & string];

/** The labels of a metric. */
export type LabelOf<Of extends Metric> =
  Of extends Readonly<{ labels: infer Labels }> ? keyof Labels & string : never;

/** The values that a label of a metric may have. */
export type ValueOf<Of extends Metric, Label extends string> =
  Of extends Readonly<{ labels: Readonly<Record<Label, infer Values>> }>
    ? Values extends readonly (infer Value extends string)[]
      ? Value
      : string
    : never;

/** Every label of a metric with a value. */
export type LabelsOf<Of extends Metric> = {
  readonly [Label in LabelOf<Of>]: ValueOf<Of, Label>;
};

/** Upper bounds of buckets for work inside one program, in seconds: 10 µs to 1 s. */
export const WORK_SECONDS = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1,
];

/** Upper bounds of buckets for round trips and waits, in seconds: 1 ms to 10 s. */
export const WAIT_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Values of a label that names relays. */
export const RELAY_IDS = { bound: 'ids of relays of the registry, at most 10,240' } as const;
