import { type AdmissionPolicy, type Contract, readContract } from "#mesh/contract";
import { EchoService } from "./echo-contract.fixture.ts";

/** The echo's contract with other words about admission. */
export function contractWith(admission: AdmissionPolicy): Contract {
  const contract = readContract({ services: [EchoService] });
  const methods = [...contract.methods].map(
    ([method, policy]) => [method, { ...policy, calls: { ...policy.calls, admission } }] as const,
  );
  return { ...contract, methods: new Map(methods) };
}

/** Keeps the event loop busy, 150 ms at a time, until it is disposed. */
export function busyEventLoop() {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const timer = setInterval(() => Atomics.wait(nothing, 0, 0, 150), 1);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
