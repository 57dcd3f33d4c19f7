/** The parsed output of `/metrics` in Prometheus' text format. */
export class MetricsText {
  readonly #lines: readonly { readonly series: string; readonly value: number }[];

  constructor(text: string) {
    this.#lines = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const space = line.lastIndexOf(' ');
        return { series: line.slice(0, space), value: Number(line.slice(space + 1)) };
      });
  }

  /**
   * Returns the sum of a metric's series that have all of the labels; 0 without such a series.
   * @param family - name of the metric
   * @param labels - such as `{ event: 'established' }`
   */
  sum(family: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
    let sum = 0;
    for (const { series, value } of this.#lines) {
      if (series !== family && !series.startsWith(`${family}{`)) continue;
      const has = series.slice(family.length + 1, -1).split(',');
      if (wanted.every((label) => has.includes(label))) sum += value;
    }
    return sum;
  }

  /**
   * Returns the values of a metric by one of its labels, without zeros.
   * @param which - label values to include
   */
  entries(family: string, label: string, which: RegExp): Record<string, number> {
    const found: Record<string, number> = {};
    for (const { series, value } of this.#lines) {
      if (!series.startsWith(`${family}{`) || value === 0) continue;
      const name = new RegExp(`[{,]${label}="([^"]*)"`).exec(series)?.[1] ?? '';
      if (which.test(name)) found[name] = (found[name] ?? 0) + value;
    }
    return found;
  }
}
