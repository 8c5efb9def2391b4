/**
 * Thrown where the short way does not know how to go on: protobuf-es then takes the whole message, and says what is wrong
 * with it if anything is. One for all: nobody reads it, and a stack would cost more than the way itself.
 */
export const UNUSUAL = new Error("protobuf-es has to look at this message");

/** Deeper messages are left to protobuf-es, which counts levels by its own limit of 100. */
export const MOST_LEVELS = 50;
