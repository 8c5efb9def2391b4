import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { file_heddle_v1_policy, PolicySchema } from "#gen/heddle/v1/policy_pb.ts";
import { createSourceIndex } from "./source-index.ts";

test("elements of generated code are found by name in an image", () => {
  const image = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync("gen/contracts.binpb")));
  const sourceOf = createSourceIndex(image.files);
  const deadline = sourceOf(PolicySchema.field.deadline);
  expect(deadline).toEqual({
    file: "heddle/v1/policy.proto",
    line: expect.any(Number),
    comment: expect.stringMatching(/^How long a call may take, .*\nA caller's own deadline counts/),
  });
  const algorithm = image.getEnum("heddle.v1.BalanceAlgorithm")?.value[1];
  expect(algorithm && sourceOf(algorithm)?.comment).toMatch(/^The one of two drawn by chance/);
  const service = image.getService("shop.order.v1.OrderService");
  expect(service && sourceOf(service)?.comment).toBe("Takes orders and follows them to their end.");
  expect(service?.method.getOrder && sourceOf(service.method.getOrder)?.comment).toMatch(/^Returns an order/);
});

test("without source information nothing is found", () => {
  expect(createSourceIndex([file_heddle_v1_policy])(PolicySchema)).toBeUndefined();
});
