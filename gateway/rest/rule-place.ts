import type { DescFile, DescMethod } from "@bufbuild/protobuf";
import { createSourceIndex, type SourceIndex } from "#mesh/contract";

/** Says where the rules of a method stand, such as "shop/order/v1/order_service.proto:42: shop.order.v1.OrderService.GetOrder". */
export type PlaceOf = (method: DescMethod) => string;

/**
 * Creates a finder of places. `files` give the lines, where they were compiled with source information; they are asked
 * for when somebody first asks for a place.
 */
export function createPlaceOf(files: () => Iterable<DescFile>): PlaceOf {
  let sourceOf: SourceIndex | undefined;
  return (method) => {
    sourceOf ??= createSourceIndex(files());
    const source = sourceOf(method);
    const file = source ? `${source.file}:${source.line}` : `${method.parent.file.name}.proto`;
    return `${file}: ${method.parent.typeName}.${method.name}`;
  };
}
