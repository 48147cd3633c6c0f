// Waiting, for tests.
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Call "probe" until it returns something true, and return that; its last result or error is in the
 * message of the error when the time is over.
 */
export async function waitFor(probe, { timeoutMs = 30000, intervalMs = 25, what = probe } = {}) {
	const end = Date.now() + timeoutMs;
	let last;

	for (;;) {
		try {
			last = await probe();
			if (last)
				return last;
		} catch (error) {
			last = error;
		}
		if (Date.now() > end)
			throw new Error(`waited ${timeoutMs} ms for: ${what} (last: ${last})`);
		await sleep(intervalMs);
	}
}
