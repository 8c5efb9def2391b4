import packageJson from "../../package.json" with { type: "json" };

/** What this channel calls itself (PROTOCOL-HTTP2.md, "User Agents"). */
export const USER_AGENT = `grpc-node-${packageJson.name}/${packageJson.version}`;
