/**
 * Histograms that were counted elsewhere, in the form that prom-client's registry writes. It counts
 * nothing itself.
 */

import { Histogram, type Registry } from "prom-client";
import type { HistogramSamples } from "./sources.ts";

/** A histogram whose buckets are read at every scrape. */
export class SampledHistogram extends Histogram<string> {
  readonly #metric: HistogramMetric;

  constructor(registry: Registry, metric: HistogramMetric) {
    super({ name: metric.name, help: metric.help, registers: [registry] });
    this.#metric = metric;
  }

  /** What the registry asks a histogram for when it writes text. */
  getForPromString() {
    const { name, help, label, read } = this.#metric;
    const { bounds, series } = read();
    const values = series.flatMap((one) => {
      const labels = { [label]: one.label };
      let below = 0;
      const buckets = one.counts.map((count, bucket) => ({
        metricName: `${name}_bucket`,
        labels: { ...labels, le: bounds[bucket] ?? "+Inf" },
        value: below += count,
      }));
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: one.sum },
        { metricName: `${name}_count`, labels, value: below },
      ];
    });
    return Promise.resolve({ name, help, type: "histogram", values });
  }
}

/** A histogram's name and where it is read. */
export interface HistogramMetric {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly read: () => HistogramSamples;
}
