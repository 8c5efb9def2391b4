import type { DescEnum, DescField, DescFile, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import type { HttpRule } from "#gen/google/api/http_pb.ts";
import type { Access } from "#gen/heddle/v1/policy_pb.ts";
import type { StepClass } from "#gen/heddle/v1/saga_pb.ts";
import type { CallPolicy } from "./call-policy.ts";

/** Everything that the contracts say about one service, read once at start and checked. */
export interface Contract {
  /** System and service, such as "shop.order". */
  readonly name: string;
  /** The rpc services that the process serves. */
  readonly services: readonly DescService[];
  /** Port to listen on where the environment names none. */
  readonly defaultPort: number;
  /** The methods of `services`. */
  readonly methods: ReadonlyMap<DescMethod, MethodContract>;
  /** Events that this service may announce, by full message name. */
  readonly events: ReadonlyMap<string, EventContract>;
  /** Reasons that refusals may carry, when the service declares any. */
  readonly reasons: DescEnum | undefined;
  /** What the service does when others announce something. */
  readonly reactions: ReactionsContract | undefined;
  /** The service's part in a saga. */
  readonly participant: ParticipantContract | undefined;
}

/** What a caller needs to know of one method: all that the edge enforces. */
export interface MethodPolicy {
  readonly method: DescMethod;
  readonly access: Access;
  /** Longest duration of a call, in milliseconds. */
  readonly deadlineMs: number;
  /** How callers call it: retries, breaker, balancing and what else its contract says. */
  readonly calls: CallPolicy;
  /** Routes of google.api.http, additional bindings included and flattened. */
  readonly http: readonly HttpRule[];
  /** Where a reader of its stream goes on after a break. Undefined: the stream begins anew. */
  readonly resume: ResumeContract | undefined;
  /** What a deprecated method's contract says of its end. */
  readonly deprecation?: DeprecationContract | undefined;
  /** How often one client may call it. */
  readonly rateLimits: readonly RateLimitPolicy[];
  /** How old an answer may be. Undefined: clients ask each time. */
  readonly caching?: CachingPolicy | undefined;
}

/** How old an answer may be. */
export interface CachingPolicy {
  readonly maxAgeMs: number;
  /** Whether everyone gets the same answer. */
  readonly shared: boolean;
}

/** The end of a method. */
export interface DeprecationContract {
  readonly since: Date;
  /** Undefined while it is not known. */
  readonly sunset: Date | undefined;
  /** Full name of the method to move to; "" for none. */
  readonly successor: string;
}

/** How often one client may call a method. */
export interface RateLimitPolicy {
  /** "user": the signed-in user, else the client's address. */
  readonly per: "user" | "address";
  /** Calls in each period. */
  readonly requests: number;
  readonly periodMs: number;
  /** Calls at once after a rest. */
  readonly burst: number;
}

/** A place in a stream of responses. Both fields hold the same kind of value. */
export interface ResumeContract {
  /** Field of the request after whose value the stream begins. */
  readonly request: FieldPath;
  /** Field of each response that tells how far the stream is. */
  readonly response: FieldPath;
}

/** A single value somewhere in a message. */
export interface FieldPath {
  /** Names with dots between. */
  readonly path: string;
  /** The message fields on the way. */
  readonly parents: readonly (DescField & { fieldKind: "message" })[];
  readonly field: DescField & { fieldKind: "scalar" };
}

/** One method as its own service sees it. */
export interface MethodContract extends MethodPolicy {
  /** Events that the method's transaction may publish besides those of its moves. */
  readonly emits: readonly EventContract[];
  /** Set when the method starts or moves a saga. */
  readonly command: CommandContract | undefined;
}

/** An event as the broker and the outbox see it. */
export interface EventContract {
  readonly message: DescMessage;
  /** Service that announces it, such as "shop.order". */
  readonly service: string;
  /** Kind of aggregate, such as "order". */
  readonly aggregate: string;
  /** Field that holds the aggregate's id. */
  readonly key: DescField & { fieldKind: "scalar" };
  /** Also meant for consumers outside these contracts. */
  readonly public: boolean;
  /** Subject without the aggregate's id: evt.<system>.<service>.<aggregate>.<Event>.v<major>. */
  readonly subjectPrefix: string;
}

/** A service's part in a saga. */
export interface ParticipantContract {
  readonly saga: string;
  readonly states: DescEnum;
  /** Names of all states without the enum's prefix, "NONE" for its zero value. */
  readonly stateNames: readonly string[];
  readonly final: readonly string[];
}

/** One step of a participant. `emits` is undefined for a step that announces nothing. */
export interface MoveContract {
  readonly from: string;
  readonly to: string;
  readonly emits: EventContract | undefined;
  /** What the step means for the undoing of the saga. */
  readonly stepClass: StepClass;
  /** For a compensation: the state whose entry it undoes. Empty for other steps. */
  readonly compensates: string;
  /** Counters of which the step takes one unit. */
  readonly takes: readonly string[];
  /** Counters to which the step gives one unit. */
  readonly gives: readonly string[];
}

/** An rpc that starts or moves a saga. */
export interface CommandContract {
  readonly saga: string;
  readonly moves: readonly MoveContract[];
  readonly ignoredIn: readonly string[];
}

/** What a service of reactions declares. */
export interface ReactionsContract {
  readonly service: DescService;
  readonly events: readonly EventReactionContract[];
  readonly timers: readonly TimerContract[];
  readonly effects: readonly EffectContract[];
}

/** What happens when an event arrives. */
export interface EventReactionContract {
  readonly method: DescMethod;
  readonly event: EventContract;
  readonly moves: readonly MoveContract[];
  readonly ignoredIn: readonly string[];
  readonly parkedIn: readonly string[];
  /** One event moves any number of instances. */
  readonly fanOut: boolean;
  /** The saga cannot end well without this delivery: it is never set aside silently. */
  readonly critical: boolean;
  /** The events of one key are taken in in the order in which they were announced. */
  readonly ordered: boolean;
  /** Fields of the result that hold events: members of its oneof, and lists. */
  readonly results: readonly ResultField[];
}

/** A step that time takes. */
export interface TimerContract {
  readonly method: DescMethod;
  readonly armedIn: string;
  /** Milliseconds from entering the state to firing. */
  readonly afterMs: number;
  readonly moves: readonly MoveContract[];
  readonly results: readonly ResultField[];
}

/** A call to the outside world. */
export interface EffectContract {
  readonly method: DescMethod;
  readonly dueIn: string;
  /** Longest duration of one attempt, in milliseconds. */
  readonly deadlineMs: number;
  readonly moves: readonly MoveContract[];
  readonly ignoredIn: readonly string[];
  readonly results: readonly ResultField[];
}

/** A field of a result message that holds an event, or a list of events. */
export interface ResultField {
  readonly field: DescField;
  readonly event: EventContract;
  /** Whether the field is a member of the oneof that says which step was taken. */
  readonly step: boolean;
}

/** A saga as a whole: what is said once about all participants. */
export interface SagaContract {
  readonly name: string;
  readonly file: DescFile;
  /** Service that alone decides how an instance ends, such as "shop.order". */
  readonly decider: string;
  readonly always: readonly RuleContract[];
  readonly atRest: readonly RuleContract[];
  readonly counters: readonly CounterContract[];
}

/** A named condition, in CEL. */
export interface RuleContract {
  readonly name: string;
  readonly cel: string;
}

/** Something that the instances of a saga share. */
export interface CounterContract {
  readonly name: string;
  /** Units at the beginning of a proof. */
  readonly initial: number;
  readonly always: readonly RuleContract[];
}
