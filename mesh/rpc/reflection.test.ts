import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createFileRegistry, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ServerReflection as V1 } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as V1Alpha } from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { policy } from "#gen/heddle/v1/policy_pb.ts";
import { echoServer, transportTo } from "./echo-server.fixture.ts";

const run = promisify(execFile);

type Asked =
  | { case: "listServices" | "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType"; value: string }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } };

async function ask(service: typeof V1 | typeof V1Alpha, ...questions: Asked[]) {
  await using echo = await echoServer();
  using transport = transportTo(echo.address);
  async function* asking() {
    for (const messageRequest of questions) yield { host: "here", messageRequest };
  }
  const responses = await Array.fromAsync(createClient(service, transport).serverReflectionInfo(asking()));
  return responses.map(({ messageResponse }) => messageResponse);
}

function filesOf(response: Awaited<ReturnType<typeof ask>>[number] | undefined): string[] {
  if (response?.case !== "fileDescriptorResponse") return [];
  return response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

const services = [
  "test.echo.v1.EchoService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

test.each([V1, V1Alpha])("$typeName lists the services", async (service) => {
  const [response] = await ask(service, { case: "listServices", value: "" });
  expect(response?.value).toMatchObject({ service: services.map((name) => ({ name })) });
});

test.each([
  "test.echo.v1.EchoService",
  "test.echo.v1.EchoService.Unary",
  "test.echo.v1.EchoRequest",
  "test.echo.v1.EchoRequest.text",
  "test.echo.v1.EchoErrorReason",
  "test.echo.v1.ECHO_ERROR_REASON_NO_ECHO",
])("%s is found with all that its file needs", async (value) => {
  const [response] = await ask(V1, { case: "fileContainingSymbol", value });
  const names = filesOf(response);
  expect(names[0]).toBe("test/echo/v1/echo_service.proto");
  expect(names).toContain("heddle/v1/policy.proto");
  expect(names).toContain("google/protobuf/descriptor.proto");
});

test("what is sent rebuilds the contract with its options", async () => {
  const [response] = await ask(V1Alpha, { case: "fileContainingSymbol", value: "test.echo.v1.EchoService" });
  if (response?.case !== "fileDescriptorResponse") throw new Error("no files");
  const files = response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const [file] = files;
  const registry = file && createFileRegistry(file, (name) => files.find((each) => each.name === name));
  const method = registry?.getService("test.echo.v1.EchoService")?.method.adminOnly;
  expect(method && getOption(method, policy).access?.roles).toEqual(["admin"]);
});

test("the details of errors are found", async () => {
  const [response] = await ask(V1, { case: "fileContainingSymbol", value: "google.rpc.BadRequest" });
  expect(filesOf(response)[0]).toBe("google/rpc/error_details.proto");
});

test("files and extensions are found", async () => {
  const methodOptions = "google.protobuf.MethodOptions";
  const responses = await ask(
    V1,
    { case: "fileByFilename", value: "heddle/v1/policy.proto" },
    { case: "fileContainingExtension", value: { containingType: methodOptions, extensionNumber: policy.number } },
    { case: "allExtensionNumbersOfType", value: methodOptions },
  );
  expect(filesOf(responses[0])[0]).toBe("heddle/v1/policy.proto");
  expect(filesOf(responses[1])).toEqual(["heddle/v1/policy.proto"]);
  expect(responses[2]?.value).toMatchObject({ baseTypeName: methodOptions, extensionNumber: [policy.number] });
});

test.each<Asked>([
  { case: "fileByFilename", value: "no.proto" },
  { case: "fileContainingSymbol", value: "no.Symbol" },
  { case: "fileContainingExtension", value: { containingType: "no.Message", extensionNumber: 1 } },
  { case: "allExtensionNumbersOfType", value: "no.Message" },
])("$case of something unknown is answered with NOT_FOUND", async (question) => {
  const [response] = await ask(V1, question, { case: "listServices", value: "" });
  expect(response).toMatchObject({ case: "errorResponse", value: { errorCode: 5 } });
});

test("reflection can be left out", async () => {
  await using echo = await echoServer({}, { reflection: false });
  using transport = transportTo(echo.address);
  async function* nothing() {}
  const call = Array.fromAsync(createClient(V1, transport).serverReflectionInfo(nothing()));
  await expect(call).rejects.toMatchObject({ code: 12 });
});

test("an open reflection stream does not keep the server from stopping", async () => {
  const echo = await echoServer();
  using transport = transportTo(echo.address);
  const listed = Promise.withResolvers<void>();
  async function* asking() {
    yield { messageRequest: { case: "listServices" as const, value: "" } };
    await new Promise(() => {});
  }
  const listening = (async () => {
    for await (const _ of createClient(V1, transport).serverReflectionInfo(asking())) listed.resolve();
  })();
  await listed.promise;
  await echo.server.stop();
  await listening;
});

test("buf curl lists and calls by reflection", async () => {
  await using echo = await echoServer();
  const buf = (...args: string[]) => run("buf", ["curl", "--protocol", "grpc", "--http2-prior-knowledge", ...args]);
  const listed = await buf("--list-services", `http://${echo.address}`);
  expect(listed.stdout.trim().split("\n")).toEqual([...services].sort());
  const called = await buf("-d", '{"text":"hi"}', `http://${echo.address}/test.echo.v1.EchoService/Unary`);
  expect(JSON.parse(called.stdout)).toEqual({ text: "hi" });
});
