import type { DescFile, DescService } from "@bufbuild/protobuf";
import { createSourceIndex } from "#mesh/contract";
import type { ErrorDialect } from "../http/error-dialect.ts";
import type { Route } from "../rest/route-table.ts";
import { errorContent, errorSchemas } from "./error-content.ts";
import { errorResponses } from "./error-responses.ts";
import { headerParameters } from "./header-parameters.ts";
import { createSchemas, described } from "./message-schema.ts";
import { type OperationContext, operation } from "./operation.ts";
import { documentPath, parameterNames, pathShape } from "./path-parameters.ts";
import { queryParameters } from "./query-parameters.ts";
import type { Schema } from "./value-schema.ts";

/** What a document is made from. */
export interface DocumentOptions {
  readonly routes: readonly Route[];
  /** Files with comments (source information) and error reasons. Elements are found in them by name. */
  files(): readonly DescFile[];
  readonly title: string;
  /** Form of errors for clients that ask for none. Default: google.rpc.Status. */
  readonly errorDialect?: ErrorDialect;
}

/** Methods that OpenAPI 3.1 knows. */
const knownMethods = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];
const allMethods = ["GET", "PUT", "POST", "DELETE", "PATCH"];

/**
 * Describes routes as an OpenAPI 3.1 document. A method that OpenAPI does not know is under "x-additionalOperations" of
 * its path; "*" is described for each usual method.
 */
export function openApiDocument(options: DocumentOptions): Schema {
  const { routes, title, errorDialect = "status" } = options;
  const files = options.files();
  const sourceOf = createSourceIndex(files);
  const schemas = createSchemas(sourceOf);
  const services = [...new Set(routes.map(({ policy }) => policy.method.parent))];
  const paths = describePaths(routes, { schemas, sourceOf });
  const responses = errorResponses(
    services.map(({ file }) => file.proto.package),
    files,
    errorContent(errorDialect, schemas),
  );
  return {
    openapi: "3.1.0",
    info: { title, version: "1.0.0", description: about },
    servers: [{ url: "/" }],
    tags: services.map((service) => ({ name: service.typeName, ...described(serviceText(service, sourceOf)) })),
    paths,
    components: {
      schemas: { ...schemas.components(), ...errorSchemas },
      responses,
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
    },
  };
}

const about = `Generated from the contracts. Names are those of ProtoJSON: \`lowerCamelCase\`, 64-bit integers as strings,
enums by name; default values are printed. Every operation is a gRPC method too, which \`x-rpc\` names.`;

function serviceText(service: DescService, sourceOf: OperationContext["sourceOf"]): string {
  return sourceOf(service)?.comment ?? "";
}

function describePaths(routes: readonly Route[], context: OperationContext): Schema {
  const names = new Map<string, readonly string[]>();
  const seen = new Map<string, number>();
  const paths: Record<string, Schema> = {};
  // A method's own rule comes before one for all methods.
  const sorted = routes.toSorted((a, b) => Number(a.httpMethod === "*") - Number(b.httpMethod === "*"));
  for (const route of sorted) {
    const shape = pathShape(route.template);
    const given = names.get(shape) ?? parameterNames(route);
    names.set(shape, given);
    const { path, parameters } = documentPath(route, given, context.schemas);
    const all = [...parameters, ...queryParameters(route, context.schemas), ...headerParameters(route)];
    for (const httpMethod of route.httpMethod === "*" ? allMethods : [route.httpMethod]) {
      const id = operationId(route, seen);
      paths[path] = withOperation(paths[path] ?? {}, httpMethod, operation(route, { id, parameters: all }, context));
    }
  }
  return paths;
}

function withOperation(item: Schema, httpMethod: string, described: Schema): Schema {
  const key = httpMethod.toLowerCase();
  if (knownMethods.includes(httpMethod)) return key in item ? item : { ...item, [key]: described };
  const further = item["x-additionalOperations"] as Schema | undefined;
  return { ...item, "x-additionalOperations": { ...further, [httpMethod]: described } };
}

/** The method's full name; its further rules are numbered. */
function operationId({ policy: { method } }: Route, seen: Map<string, number>): string {
  const name = `${method.parent.typeName}.${method.name}`;
  const count = (seen.get(name) ?? 0) + 1;
  seen.set(name, count);
  return count === 1 ? name : `${name}.${count}`;
}
