export { currentScope, runInScope, runOutsideScope, type Scope } from "./scope.ts";
