import { type DescMessage, type DescMethod, getOption, ScalarType } from "@bufbuild/protobuf";
import { policy } from "#gen/heddle/v1/policy_pb.ts";
import type { FieldPath, ResumeContract } from "./contract.ts";
import type { Faults } from "./faults.ts";
import { didYouMean } from "./nearest-name.ts";

/** Reads and checks where a reader of the method's stream goes on after a break. */
export function readResume(method: DescMethod, faults: Faults): ResumeContract | undefined {
  const { stream } = getOption(method, policy);
  if (!stream) return undefined;
  if (method.methodKind !== "server_streaming" && method.methodKind !== "bidi_streaming") {
    faults.add(method, "it has no stream of responses", "drop stream from its policy");
    return undefined;
  }
  const { resume } = stream;
  if (!resume) return undefined;
  const request = findField({ option: "request_field", message: method.input, path: resume.requestField });
  const response = findField({ option: "response_field", message: method.output, path: resume.responseField });
  for (const found of [request, response]) if ("problem" in found) faults.add(method, found.problem, found.mend);
  if ("problem" in request || "problem" in response) return undefined;
  if (isText(request.field) === isText(response.field)) return { request, response };
  const problem = `stream.resume joins ${request.path} and ${response.path}, which differ in type`;
  faults.add(method, problem, "join two strings or two integers");
  return undefined;
}

interface Naming {
  readonly option: string;
  readonly message: DescMessage;
  readonly path: string;
}

interface Fault {
  readonly problem: string;
  readonly mend: string;
}

/** Follows a path in proto names to its field. */
function findField({ option, message, path }: Naming): FieldPath | Fault {
  const parents: FieldPath["parents"][number][] = [];
  const steps = path.split(".");
  const last = steps.pop() ?? "";
  let holder = message;
  for (const step of steps) {
    const field = holder.fields.find(({ name }) => name === step);
    if (field?.fieldKind !== "message") return notFound(step, holder);
    parents.push(field);
    holder = field.message;
  }
  const field = holder.fields.find(({ name }) => name === last);
  if (field === undefined) return notFound(last, holder);
  if (field.fieldKind === "scalar" && places.has(field.scalar)) return { path, parents, field };
  return { problem: `stream.resume.${option} "${path}" is no single string or integer`, mend: "name one that is" };

  function notFound(step: string, { fields }: DescMessage): Fault {
    const mend = `name one${didYouMean(
      step,
      fields.map(({ name }) => name),
    )}`;
    return { problem: `stream.resume.${option} "${path}" names no field of ${message.typeName}`, mend };
  }
}

const places: ReadonlySet<ScalarType> = new Set([
  ...[ScalarType.STRING, ScalarType.INT32, ScalarType.INT64, ScalarType.UINT32, ScalarType.UINT64],
  ...[ScalarType.SINT32, ScalarType.SINT64, ScalarType.FIXED32, ScalarType.FIXED64],
  ...[ScalarType.SFIXED32, ScalarType.SFIXED64],
]);

function isText({ scalar }: FieldPath["field"]): boolean {
  return scalar === ScalarType.STRING;
}
