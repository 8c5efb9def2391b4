/** Why timers of a call are ended. Without a reason each abort would make an error with a stack, a fifth of a call's cost. */
export const over = "over";
