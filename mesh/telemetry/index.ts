export { createLogger, type Logger, type LoggerOptions } from "./logger.ts";
export { randomHex } from "./random-hex.ts";
export { redact } from "./redact.ts";
export { childTrace, formatTraceparent, newTrace, parseTraceparent, type TraceContext } from "./trace-context.ts";
