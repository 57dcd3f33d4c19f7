/** Reports of the rig's own programs, and sums of several reports. */
import type { Counts } from './far-counter.js';

/** The generator's report. */
export interface GeneratorReport {
  readonly sent: number;
  readonly refused: number;
  readonly skipped: number;
  readonly chunks: number;
  readonly lateChunks: number;
  readonly latestNs: number;
  readonly elapsedNs: number;
  readonly idleNs: number;
  readonly cpuNs: number;
}

/** The sink's report. */
export interface SinkReport {
  readonly datagrams: number;
  readonly payloads: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly damaged: number;
  readonly malformed: number;
  readonly latency: {
    readonly count: number;
    readonly p50Ns: number;
    readonly p99Ns: number;
    readonly p999Ns: number;
    readonly maxNs: number;
  };
}

/** Returns one figure of a report. */
type Figure<Report> = (report: Report) => number;

function totalOf<Report>(reports: readonly Report[], figure: Figure<Report>): number {
  return reports.reduce((total, report) => total + figure(report), 0);
}

function worstOf<Report>(reports: readonly Report[], figure: Figure<Report>): number {
  return Math.max(...reports.map(figure));
}

/**
 * Returns the report of generators that ran at the same time on one CPU, as if they were one.
 * @param reports - at least one
 */
export function generatorsTogether(reports: readonly GeneratorReport[]): GeneratorReport {
  const total = (figure: Figure<GeneratorReport>) => totalOf(reports, figure);
  const elapsedNs = worstOf(reports, (report) => report.elapsedNs);
  // The CPU was idle when none of them was busy.
  const busyNs = total((report) => report.elapsedNs - report.idleNs);
  return {
    sent: total((report) => report.sent),
    refused: total((report) => report.refused),
    skipped: total((report) => report.skipped),
    chunks: total((report) => report.chunks),
    lateChunks: total((report) => report.lateChunks),
    latestNs: worstOf(reports, (report) => report.latestNs),
    elapsedNs,
    idleNs: Math.max(0, elapsedNs - busyNs),
    cpuNs: total((report) => report.cpuNs),
  };
}

/**
 * Returns the report of the sinks of all directions. Quantiles are those of the worst direction.
 * @param reports - at least one
 */
export function sinksTogether(reports: readonly SinkReport[]): SinkReport {
  const total = (figure: Figure<SinkReport>) => totalOf(reports, figure);
  const worst = (figure: Figure<SinkReport>) => worstOf(reports, figure);
  return {
    datagrams: total((report) => report.datagrams),
    payloads: total((report) => report.payloads),
    duplicates: total((report) => report.duplicates),
    reordered: total((report) => report.reordered),
    damaged: total((report) => report.damaged),
    malformed: total((report) => report.malformed),
    latency: {
      count: total(({ latency }) => latency.count),
      p50Ns: worst(({ latency }) => latency.p50Ns),
      p99Ns: worst(({ latency }) => latency.p99Ns),
      p999Ns: worst(({ latency }) => latency.p999Ns),
      maxNs: worst(({ latency }) => latency.maxNs),
    },
  };
}

/** Returns the sum of the counts of all directions. */
export function countsTogether(counts: readonly Counts[]): Counts {
  return {
    packets: totalOf(counts, ({ packets }) => packets),
    datagrams: totalOf(counts, ({ datagrams }) => datagrams),
    payloadBytes: totalOf(counts, ({ payloadBytes }) => payloadBytes),
    sampled: totalOf(counts, ({ sampled = 0 }) => sampled),
  };
}
