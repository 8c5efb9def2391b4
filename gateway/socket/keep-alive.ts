import type { WebSocket } from "ws";

/** Pings a client every `intervalMs`, and cuts off one that has not answered by the next ping. 0 never pings. */
export function keepAlive(socket: WebSocket, intervalMs: number): void {
  if (intervalMs === 0) return;
  let alive = true;
  // While its messages are held back, so is its answer.
  const isLost = () => !alive && !socket.isPaused;
  const timer = setInterval(() => {
    // Where the event loop is late, the answer has come and is read before the next turn.
    if (isLost()) return void setImmediate(() => isLost() && socket.terminate());
    alive = false;
    socket.ping();
  }, intervalMs);
  for (const sign of ["pong", "message"] as const) {
    socket.on(sign, () => {
      alive = true;
    });
  }
  socket.on("close", () => clearInterval(timer));
}
