import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type {
  AdminService,
  DeadLetterFilter,
  DiscardDeadLettersRequest,
  ReplayDeadLettersRequest,
} from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Act, DeadLetters } from "#mesh/events";
import { type RpcContext, type RpcHandlers, requireUser } from "#mesh/rpc";
import { detailMessage, groupMessage, letterMessage } from "./dead-letter-message.ts";
import type { AdminOptions } from "./handlers.ts";

type Handlers = Pick<
  RpcHandlers<typeof AdminService>,
  "listDeadLetters" | "getDeadLetter" | "replayDeadLetters" | "discardDeadLetters"
>;
type ActRequest = ReplayDeadLettersRequest | DiscardDeadLettersRequest;
type Outcome = { readonly outcome: string; readonly error?: string };

const defaultLimit = 100;
const mostAtOnce = 1_000;

/** The rpcs about dead letters. */
export function deadLetterHandlers({ contract, events }: AdminOptions): Handlers {
  const { deadLetters } = events;

  async function actOnAll(request: ActRequest, context: RpcContext, one: (id: number, act: Act) => Promise<Outcome>) {
    const act = { who: requireUser(context).id, why: request.reason };
    const outcomes = [];
    for (const id of await meant(deadLetters, request)) {
      // Whoever has gone away or waited too long is not acted for any more.
      if (context.signal.aborted) break;
      const result = request.dryRun ? await dryRun(deadLetters, id) : await one(id, act);
      outcomes.push({ id: BigInt(id), ...result });
    }
    context.log.info({ ...act, dryRun: request.dryRun, letters: outcomes.length }, "dead letters were acted on");
    return { outcomes };
  }

  return {
    async listDeadLetters({ filter, limit }) {
      const wanted = { ...filterOf(filter), limit: limit || defaultLimit };
      return {
        deadLetters: ((await deadLetters?.list(wanted)) ?? []).map(letterMessage),
        groups: ((await deadLetters?.groups(wanted)) ?? []).map(groupMessage),
      };
    },
    async getDeadLetter({ id }) {
      const letter = await deadLetters?.show(Number(id));
      if (!letter) throw new ConnectError(`${contract.name} has no dead letter ${id}`, Code.NotFound);
      return detailMessage(letter, contract);
    },
    replayDeadLetters: (request, context) =>
      actOnAll(request, context, async (id, act) => (await deadLetters?.replay(id, act)) ?? { outcome: "not open" }),
    discardDeadLetters: (request, context) =>
      actOnAll(request, context, async (id, act) => ({
        outcome: (await deadLetters?.discard(id, act)) ? "discarded" : "not open",
      })),
  };
}

/** Ids in ascending order: the events of one key follow one another in it. */
async function meant(deadLetters: DeadLetters | undefined, { ids, filter }: ActRequest): Promise<number[]> {
  const found = filter ? await deadLetters?.list({ ...filterOf(filter), limit: mostAtOnce }) : undefined;
  const all = found?.map(({ id }) => id) ?? ids.map(Number);
  return [...new Set(all)].sort((a, b) => a - b);
}

async function dryRun(deadLetters: DeadLetters | undefined, id: number): Promise<Outcome> {
  const letter = await deadLetters?.show(id);
  return { outcome: letter?.state === "open" || letter?.state === "retrying" ? "would be done" : "not open" };
}

function filterOf(filter: DeadLetterFilter | undefined) {
  if (!filter) return {};
  const { type, key, errorHash, since } = filter;
  return {
    ...(type && { type }),
    ...(key && { key }),
    ...(errorHash && { errorHash }),
    ...(since && { since: timestampDate(since) }),
  };
}
