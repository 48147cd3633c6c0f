// Requests that are repeated in the background while a test does something else.
import { sleep, waitFor } from "../stack.mjs";

/** Repeats "next", "atOnce" at a time, until it is stopped; failures are counted, not thrown. */
export class BackgroundLoad {
	done = 0;
	failed = 0;

	constructor(stack, next, { atOnce = 2, pauseMs = 5 } = {}) {
		this.stack = stack;
		stack.running.add(this);
		this.all = Array.from({ length: atOnce }, () => this.#run(next, pauseMs));
	}

	async #run(next, pauseMs) {
		while (!this.stopped) {
			try {
				await next();
				this.done++;
			} catch {
				this.failed++;
			}
			await sleep(pauseMs);
		}
	}

	/** Wait until "count" more have succeeded. */
	more(count) {
		const goal = this.done + count;

		return waitFor(() => this.done >= goal, { timeoutMs: 30000, what: `${count} more requests of the load` });
	}

	/** Stop without waiting. */
	abandon() {
		this.stopped = true;
		this.stack.running.delete(this);
	}

	async stop() {
		this.abandon();
		await Promise.all(this.all);
	}
}
