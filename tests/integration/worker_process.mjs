// More workers beside the one that a stack runs.
import { spawn } from "node:child_process";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { environmentOf } from "../processes.mjs";
import { waitFor } from "../stack.mjs";

/**
 * One more worker, with the environment of the stack's own and a state directory of its own; "env" changes
 * variables.  Returns { pid, stateDir, log, ended, stop(signal) }; stop() gives the exit status or signal.
 */
export async function startWorker(stack, env = {}, { ready = true } = {}) {
	const pid = await waitFor(() => stack.pids("switchboard-worker")[0], { timeoutMs: 60000, what: "the worker" });
	const stateDir = mkdtempSync(path.join(tmpdir(), "switchboard-worker-"));
	const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", readlinkSync(`/proc/${pid}/exe`)],
		{ stdio: ["ignore", "ignore", "pipe"], env: { ...environmentOf(pid), SWITCHBOARD_STATE_DIR: stateDir, ...env } });
	const worker = { pid: child.pid, stateDir, log: "" };

	child.stderr.on("data", (part) => (worker.log += part));
	worker.ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));
	worker.stop = async (signal = "SIGTERM") => {
		child.kill(signal);
		const status = await worker.ended;

		rmSync(stateDir, { recursive: true, force: true });
		return status;
	};
	if (ready)
		await waitFor(() => /event=worker\.started/.test(worker.log), { what: "another worker" });
	return worker;
}
