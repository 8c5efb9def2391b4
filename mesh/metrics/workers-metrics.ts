import type { Workers } from "#mesh/process";
import { type Family, writeFamily } from "./family.ts";
import { askWorker } from "./worker-metrics.ts";

/** Tells the metrics of workers together, each line with the label "worker", and how many live and have died. */
export async function workersMetrics(workers: Pick<Workers, "list" | "deaths">): Promise<string> {
  const asked = workers.list().map(async (worker) => ({ id: String(worker.id), text: await askWorker(worker) }));
  const told = (await Promise.all(asked)).flatMap(({ id, text }) => (text === undefined ? [] : [{ id, text }]));
  return ownFamilies(workers).map(writeFamily).join("") + merge(told);
}

function ownFamilies({ list, deaths }: Pick<Workers, "list" | "deaths">): Family[] {
  return [
    {
      ...{ type: "gauge", name: "heddle_workers", help: "Workers that live." },
      samples: [{ labels: {}, value: list().length }],
    },
    {
      ...{
        type: "counter",
        name: "heddle_worker_deaths_total",
        help: "Workers that have ended and were not asked to.",
      },
      samples: [{ labels: {}, value: deaths }],
    },
  ];
}

/** Puts texts of the same families together: in the format, what is of one family has to stand together. */
function merge(told: readonly { readonly id: string; readonly text: string }[]): string {
  const families = new Map<string, { head: string[]; lines: string[] }>();
  for (const { id, text } of told) {
    let family = { head: [] as string[], lines: [] as string[] };
    for (const line of text.split("\n")) {
      const [, kind, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (kind && name) {
        const known = families.get(name);
        family = known ?? { head: [], lines: [] };
        families.set(name, family);
        if (!family.head.some((one) => one.startsWith(`# ${kind} `))) family.head.push(line);
      } else if (line !== "") family.lines.push(labelled(line, id));
    }
  }
  return [...families.values()].flatMap(({ head, lines }) => [...head, ...lines, ""]).join("\n");
}

/** Adds the label to a line such as `name{label="value"} 1` or `name 1`. */
function labelled(line: string, id: string): string {
  const [, name = "", labels, rest = ""] = /^([^{ ]+)(?:\{(.*)\})?( .*)$/.exec(line) ?? [];
  return `${name}{${labels ? `${labels},` : ""}worker="${id}"}${rest}`;
}
