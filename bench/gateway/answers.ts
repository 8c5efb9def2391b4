import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { CreateSessionResponseSchema } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { GetProductResponseSchema } from "#gen/shop/catalog/v1/catalog_service_pb.ts";

const time = timestampFromDate(new Date("2026-01-31T12:00:00Z"));

/** What every server of the benchmark answers to CreateSession. */
export const session = create(CreateSessionResponseSchema, {
  accessToken: "token",
  refreshToken: "refresh",
  expireTime: time,
  user: {
    id: "0198c0de-0000-7000-8000-000000000002",
    email: "ada@heddle.local",
    displayName: "Ada",
    roles: ["customer"],
  },
});

/** What every server of the benchmark answers to GetProduct. */
export const product = create(GetProductResponseSchema, {
  product: {
    id: "0198c0de-0000-7000-8000-000000000001",
    name: "A loom",
    description: "Eight shafts, ten treadles, made of beech.",
    category: "looms",
    price: { currencyCode: "EUR", units: 1290n },
    inStock: true,
    createTime: time,
    updateTime: time,
  },
});
