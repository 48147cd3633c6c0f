// A transaction of somebody else's that keeps rows locked, as a person with psql may.
import { spawn } from "node:child_process";

export class RowLock {
	/** Run "select", which ends in FOR UPDATE, in a transaction that stays open; returns when the rows are locked. */
	static async take(stack, select) {
		const lock = new RowLock();
		let output = "";

		lock.psql = spawn("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", stack.databaseUrl], { stdio: ["pipe", "pipe", "inherit"] });
		lock.ended = new Promise((resolve) => lock.psql.on("close", resolve));
		const locked = new Promise((resolve) => lock.psql.stdout.on("data", (part) => {
			output += part;
			if (/^locked$/m.test(output))
				resolve(true);
		}));

		lock.psql.stdin.write(`BEGIN; ${select};\n\\echo locked\n`);
		if (await Promise.race([locked, lock.ended]) !== true)
			throw new Error(`no lock for: ${select}`);
		return lock;
	}

	/** Returns when they are free again; may be called twice. */
	async release() {
		if (!this.psql.stdin.writableEnded)
			this.psql.stdin.end("ROLLBACK;\n");
		await this.ended;
	}
}
