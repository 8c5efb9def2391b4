export { asyncApi } from "./async-api.ts";
export { checkSystem } from "./check-model.ts";
export { readSystem, type System } from "./discover.ts";
export type { Check, Finding, Subject } from "./finding.ts";
export type { Model } from "./model.ts";
export { sagaPage } from "./saga-page.ts";
export type { Locate, Story } from "./story.ts";
export type { Delivery } from "./sweep.ts";
export { type Run, type Thoroughness, type Verdict, verifySaga, verifyTogether } from "./verify-saga.ts";
