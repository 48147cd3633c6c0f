// Processes that a test starts itself, and what /proc tells about others.
import { execFile, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);

export const isRoot = process.getuid() === 0;

/** The command prefix that runs a program as another user; empty when we are not root. */
export const asUser = (user) => (isRoot && user !== undefined ?
	["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--"] : []);

export async function userIdOf(user) {
	const { stdout } = await run("id", ["-u", user]);

	return Number(stdout);
}

/** Send a signal; a process that has ended already is no error. */
export function signal(pid, name) {
	try {
		process.kill(pid, name);
	} catch (error) {
		if (error.code !== "ESRCH")
			throw error;
	}
}

/** Stop processes (SIGSTOP); returns when all of them stand still. */
export async function stopAll(pids) {
	for (const pid of pids)
		process.kill(pid, "SIGSTOP");
	while (!pids.every((pid) => /^\d+ \(.*\) T /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"))))
		await new Promise((resolve) => setTimeout(resolve, 10));
}

export function continueAll(pids) {
	for (const pid of pids)
		signal(pid, "SIGCONT");
}

/** The environment of a running process, as an object. */
export function environmentOf(pid) {
	return Object.fromEntries(readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter((pair) => pair.includes("="))
		.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

/** A child whose output goes to the file "log"; it gets the signal "end" when this process dies. */
export class ChildProcess {
	constructor(command, { log, user, env = process.env, end = "KILL" }) {
		const output = openSync(log, "a");
		const [file, ...args] = [...asUser(user), "setpriv", "--pdeathsig", end, "--", ...command];

		this.child = spawn(file, args, { env, stdio: ["ignore", output, output], cwd: "/" });
		closeSync(output);
		this.pid = this.child.pid;
		this.ended = new Promise((resolve) => this.child.on("close", resolve));
		this.child.on("error", () => {});
	}

	async kill(name = "SIGKILL") {
		signal(this.pid, name);
		await this.ended;
	}
}
