import { capture } from "./capture.ts";

/**
 * The commit with which contracts are compared: BASE_REF, else where this branch left origin/main, else the commit
 * before this one. undefined where there is none, as in a first commit or a shallow clone.
 */
export async function baseCommit(): Promise<string | undefined> {
  const { BASE_REF } = process.env;
  if (BASE_REF) return (await capture("git", ["rev-parse", "--verify", `${BASE_REF}^{commit}`])).trim();
  const head = await commit("rev-parse", "--verify", "HEAD");
  const fork = await commit("merge-base", "HEAD", "origin/main");
  return fork && fork !== head ? fork : commit("rev-parse", "--verify", "HEAD~1");
}

async function commit(...args: string[]): Promise<string | undefined> {
  return capture("git", args).then(
    (answer) => answer.trim(),
    // There is no such commit.
    () => undefined,
  );
}
