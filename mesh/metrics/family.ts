import type { Histogram } from "./histogram.ts";

/** Names and values of labels. */
export type Labels = Readonly<Record<string, string>>;

/** One value of a family. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** One histogram of a family. */
export interface HistogramSample {
  readonly labels: Labels;
  readonly histogram: Histogram;
}

/** All values of one name. */
export type Family =
  | { readonly type: "counter" | "gauge"; readonly name: string; readonly help: string; readonly samples: Sample[] }
  | {
      readonly type: "histogram";
      readonly name: string;
      readonly help: string;
      readonly bounds: readonly number[];
      readonly samples: HistogramSample[];
    };

/** Writes a family in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export function writeFamily(family: Family): string {
  const head = `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n`;
  if (family.type !== "histogram") {
    return head + family.samples.map(({ labels, value }) => line(family.name, labels, value)).join("");
  }
  const { name, bounds } = family;
  return head + family.samples.map((sample) => writeHistogram(name, bounds, sample)).join("");
}

function writeHistogram(name: string, bounds: readonly number[], { labels, histogram }: HistogramSample): string {
  const { count, sum } = histogram;
  const counts = histogram.upTo(bounds);
  const buckets = bounds.map((le, place) => line(`${name}_bucket`, { ...labels, le: String(le) }, counts[place] ?? 0));
  buckets.push(line(`${name}_bucket`, { ...labels, le: "+Inf" }, count));
  return buckets.join("") + line(`${name}_sum`, labels, sum) + line(`${name}_count`, labels, count);
}

function line(name: string, labels: Labels, value: number): string {
  const written = Object.entries(labels).map(([label, text]) => `${label}="${escapeText(text)}"`);
  return `${name}${written.length > 0 ? `{${written.join(",")}}` : ""} ${value}\n`;
}

function escapeText(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}
