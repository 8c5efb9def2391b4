import type { WebSocket } from "ws";

/** Pings a client every `intervalMs`, and cuts off one that has not answered by the next ping. 0 never pings. */
export function keepAlive(socket: WebSocket, intervalMs: number): void {
  if (intervalMs === 0) return;
  let alive = true;
  const timer = setInterval(() => {
    // While its messages are held back, so is its answer.
    if (!alive && !socket.isPaused) return socket.terminate();
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
