import { create, type DescField, type DescMessage, isMessage, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { HttpBodySchema } from "#gen/google/api/httpbody_pb.ts";

/** A body of HTTP that is never parsed, as google.api.HttpBody holds it. */
export interface RawBody {
  /** "" for none. */
  readonly contentType: string;
  readonly data: Uint8Array;
}

/** A field that holds a message. */
type MessageField = DescField & { fieldKind: "message" };

/** Whether a message is the HttpBody itself: its fields are a content type and bytes, not members of a JSON object. */
export function isHttpBody(message: DescMessage): boolean {
  return message.typeName === HttpBodySchema.typeName;
}

/** Whether a field holds an HttpBody. */
export function holdsHttpBody(field: DescField | undefined): field is MessageField {
  return field?.fieldKind === "message" && isHttpBody(field.message);
}

/** Makes a message that is an HttpBody, or one whose `field` is. */
export function withRawBody(desc: DescMessage, field: MessageField | undefined, raw: RawBody): Message {
  const body = create(HttpBodySchema, { contentType: raw.contentType, data: raw.data });
  if (field === undefined) return body;
  const message = create(desc);
  reflect(desc, message, false).set(field, reflect(HttpBodySchema, body, false));
  return message;
}

/** Reads the HttpBody that a message is, or that its `field` holds; one that is not set is empty. */
export function rawBodyOf(desc: DescMessage, field: MessageField | undefined, message: Message): RawBody {
  const body = field === undefined ? message : reflect(desc, message, false).get(field).message;
  return isMessage(body, HttpBodySchema) ? body : create(HttpBodySchema);
}
