import type { Authorization } from "./authorization.ts";

/** The JSON that an operation answers with: the authorization, or what stands against it. */
export type AnswerBody = Authorization | { readonly error: { readonly code: string; readonly message: string } };

/** An HTTP answer. */
export interface Answer {
  readonly status: number;
  readonly body: AnswerBody;
}

/** An answer that says what is wrong with the request. */
export function errorAnswer(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}
