export { currentScope, runInScope, type Scope } from "./scope.ts";
