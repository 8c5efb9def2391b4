/** Who can carry the calls of a process. */
const channels = ["mesh", "grpc-js"] as const;

/**
 * The settings of calls that the tests themselves were started with, as variables for the environments that they make: so
 * the same tests run over grpc-js (`HEDDLE_CHANNEL=grpc-js npm test`), or over sockets alone
 * (`HEDDLE_LOCAL_CALLS=false npm test`). Empty, for the defaults, without them.
 */
export function callSettings(): Record<string, string> {
  const { HEDDLE_CHANNEL: channel, HEDDLE_LOCAL_CALLS: local } = process.env;
  return { ...(channel && { HEDDLE_CHANNEL: channel }), ...(local && { HEDDLE_LOCAL_CALLS: local }) };
}

/**
 * Who carries the calls of tests that leave it open: the mesh's own channel, unless the tests were started with another.
 * Throws a RangeError for one that there is not.
 */
export function channelUnderTest(): (typeof channels)[number] {
  const { HEDDLE_CHANNEL: wanted = "mesh" } = callSettings();
  const channel = channels.find((name) => name === wanted);
  if (!channel) throw new RangeError(`HEDDLE_CHANNEL is ${wanted}: it can be ${channels.join(" or ")}`);
  return channel;
}
