// The whole stack with PostgreSQL, the simulated platform and the web server as processes of the test's own,
// so that each can be stopped and started while ./demo runs the five programs.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ChildProcess, signal } from "../processes.mjs";
import { freePorts, startStack, startTlsFront, waitFor } from "../stack.mjs";
import { WebServer } from "../web_server.mjs";
import { PostgreSQL } from "./postgres.mjs";

const CLIENT_ID = "0c9e8a52-3c1b-4b5e-8d57-2f6a6c9b7e42";
const APP_ID = "5f0c1f5e-6f0e-4a37-9d3b-0a1e5b7c1d11";
const CLIENT_SECRET = "not-a-real-secret";

/** The file names of the programs, without their supervisors. */
export const PROGRAMS = {
	webhook: "webhook.fcgi",
	dashboard: "dashboard.fcgi",
	oauth: "oauth.fcgi",
	events: "switchboard-events",
	worker: "switchboard-worker",
};

/** Used like a Stack: linkAccount(stack), stack.psql(), stack.control(), … */
export class StoppableStack {
	running = new Set(); // pages and loads, stopped with the stack when their test failed

	static async start({ env = {} } = {}) {
		const stack = new StoppableStack();

		stack.folder = mkdtempSync(path.join(tmpdir(), "switchboard-stack-"));
		chmodSync(stack.folder, 0o755);
		const [webPort, simulatorPort] = await freePorts();

		stack.url = `http://127.0.0.1:${webPort}`;
		stack.simulatorPort = simulatorPort;
		try {
			stack.front = await startTlsFront(simulatorPort);
			stack.platformUrl = stack.front?.url ?? `http://127.0.0.1:${simulatorPort}`;
			stack.database = await PostgreSQL.make(path.join(stack.folder, "postgres"));
			stack.demo = await startStack({ env: {
				SWITCHBOARD_DATABASE_URL: stack.database.url,
				SWITCHBOARD_PUBLIC_URL: stack.url,
				SWITCHBOARD_API_URL: `${stack.platformUrl}/v1`,
				SWITCHBOARD_KEY_URL: `${stack.platformUrl}/key`,
				...(stack.front && { SWITCHBOARD_TEST_CA_FILE: stack.front.authorityFile }),
				SWITCHBOARD_APP_ID: APP_ID,
				SWITCHBOARD_CLIENT_ID: CLIENT_ID,
				SWITCHBOARD_CLIENT_SECRET: CLIENT_SECRET,
				...env,
			} });
			stack.web = await WebServer.make(stack.demo, path.join(stack.folder, "nginx"), { port: webPort });
			stack.demo.simulatorUrl = `http://127.0.0.1:${simulatorPort}`;
			await stack.startSimulator();
			await waitFor(async () => (await stack.control("GET", "state")).app.targetStatus === "CONFIRMED",
				{ timeoutMs: 30000, what: "the confirmation of the webhook" });
		} catch (error) {
			await stack.stop().catch(() => {});
			throw error;
		}
		return stack;
	}

	get simulatorUrl() {
		return this.demo.simulatorUrl;
	}

	psql(...args) {
		return this.demo.psql(...args);
	}

	rows(...args) {
		return this.demo.rows(...args);
	}

	control(...args) {
		return this.demo.control(...args);
	}

	installedApp(...args) {
		return this.demo.installedApp(...args);
	}

	request(where, options) {
		return this.demo.request(new URL(where, this.url), options);
	}

	log(name) {
		return this.demo.log(name);
	}

	/** PIDs of webhook, dashboard, oauth, events or worker. */
	pids(program) {
		return this.demo.pids(PROGRAMS[program]);
	}

	/** kill -9 of all processes of a program, for its supervisor to start new ones; returns their PIDs. */
	kill(program) {
		const pids = this.pids(program);

		for (const pid of pids)
			signal(pid, "SIGKILL");
		return pids;
	}

	/** Wait until as many processes of a program run as were killed, and none of those. */
	async restarted(program, dead) {
		await waitFor(() => {
			const pids = this.pids(program);

			return pids.length >= dead.length && pids.every((pid) => !dead.includes(pid));
		}, { timeoutMs: 30000, what: `${program} to be restarted` });
	}

	// ---- the simulated platform ----

	get simulatorFile() {
		return path.join(this.folder, "simulator.json");
	}

	async startSimulator() {
		this.simulator = new ChildProcess([path.join(this.demo.stateDir, "app/bin/switchboard-simulator"),
			"--port", String(this.simulatorPort), "--url", this.platformUrl, "--state", this.simulatorFile, "--target", `${this.url}/`,
			"--app-id", APP_ID, "--client-id", CLIENT_ID, "--redirect-uri", `${this.url}/oauth/callback`,
		], { log: path.join(this.demo.stateDir, "log/simulator.log"),
			env: { ...process.env, SIMULATOR_CLIENT_SECRET: CLIENT_SECRET } });
		await waitFor(() => this.control("GET", "settings"), { what: "the simulator" });
	}

	/**
	 * Wait until the simulator's file has its state, which is saved within 200 ms of a change: the real platform
	 * forgets nothing it has answered, so the simulator may be killed only then.
	 */
	async simulatorSaved() {
		let same = 0;

		await waitFor(async () => {
			const { devices, installedApps } = await this.control("GET", "state");
			const file = JSON.parse(readFileSync(this.simulatorFile, "utf8"));
			const agrees = JSON.stringify(devices) === JSON.stringify(Object.values(file.devices)) &&
				JSON.stringify(installedApps) === JSON.stringify(Object.values(file.installedApps ?? {}));

			same = agrees ? same + 1 : 0;
			return same >= 6;
		}, { timeoutMs: 30000, intervalMs: 50, what: "the simulator's state to be in its file" });
	}

	async stop() {
		const problems = [];
		const step = async (fn) => {
			try {
				await fn();
			} catch (error) {
				problems.push(error);
			}
		};

		for (const one of this.running)
			one.abandon();
		await step(() => this.web?.stop());
		await step(() => this.demo?.stop());
		await step(() => this.front?.stop());
		await step(() => this.simulator?.kill("SIGTERM"));
		await step(() => this.database?.stop("immediate"));
		rmSync(this.folder, { recursive: true, force: true });
		if (problems.length > 0)
			throw problems[0];
	}
}
