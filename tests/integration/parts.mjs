// The whole stack with PostgreSQL, the simulated platform and the web server as parts of the test's own,
// so that each can die and come back while ./demo runs the five programs.
import { execFile, spawn } from "node:child_process";
import { appendFileSync, chmodSync, chownSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync,
	writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, startStack, waitFor } from "../stack.mjs";

const run = promisify(execFile);
const CLIENT_ID = "0c9e8a52-3c1b-4b5e-8d57-2f6a6c9b7e42";
const APP_ID = "5f0c1f5e-6f0e-4a37-9d3b-0a1e5b7c1d11";
const CLIENT_SECRET = "not-a-real-secret";
const isRoot = process.getuid() === 0;

/** What supervises a program is not the program. */
export const PROGRAMS = {
	webhook: "webhook.fcgi",
	dashboard: "dashboard.fcgi",
	oauth: "oauth.fcgi",
	events: "switchboard-events",
	worker: "switchboard-worker",
};

const asUser = (user) => (isRoot && user !== undefined ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--"] : []);

export async function idOf(user) {
	const { stdout } = await run("id", ["-u", user]);

	return Number(stdout);
}

function signal(pid, name) {
	try {
		process.kill(pid, name);
	} catch (error) {
		if (error.code !== "ESRCH")
			throw error;
	}
}

/** A process of ours: started with a log, ended with us whatever happens. */
export class Child {
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

/** A PostgreSQL cluster that can be stopped and started. */
export class Database {
	static async make(folder) {
		const database = new Database();
		const versions = readdirSync("/usr/lib/postgresql").map(Number).sort((a, b) => b - a);

		database.programs = `/usr/lib/postgresql/${versions[0]}/bin`;
		database.folder = folder;
		database.data = path.join(folder, "data");
		database.url = `postgresql://owner@/switchboard?host=${folder}`;
		mkdirSync(folder, { mode: 0o755 });
		mkdirSync(database.data, { mode: 0o700 });
		if (isRoot)
			for (const where of [folder, database.data])
				chownSync(where, await idOf("postgres"), -1);
		const [file, ...args] = [...asUser("postgres"), path.join(database.programs, "initdb"), "-D", database.data,
			"-A", "trust", "-U", "owner", "-N", "-E", "UTF8", "--locale=C.UTF-8"];

		await run(file, args, { cwd: "/" });
		// Processes die here, machines do not: what the kernel was given is safe.
		appendFileSync(path.join(database.data, "postgresql.conf"), `listen_addresses = ''
unix_socket_directories = '${folder}'
fsync = off
`);
		await database.start();
		await run("createdb", ["-h", folder, "-U", "owner", "switchboard"]);
		return database;
	}

	async start() {
		this.server = new Child([path.join(this.programs, "postgres"), "-D", this.data],
			{ user: "postgres", log: path.join(this.folder, "log"), end: "QUIT" });
		await waitFor(() => run("psql", ["-XAtqc", "SELECT 1", "-h", this.folder, "-U", "owner", "postgres"]),
			{ timeoutMs: 30000, what: "PostgreSQL" });
	}

	/** "fast" ends the sessions; "immediate" is a crash, with recovery at the next start. */
	async stop(mode = "fast") {
		const { server } = this;

		this.server = undefined;
		await server?.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
	}
}

/** Everything, in parts.  Used like a stack: linkAccount(parts), parts.psql(), parts.control(), … */
export class Parts {
	running = new Set(); // readers and loads, ended with us when their test failed

	static async start({ env = {} } = {}) {
		const parts = new Parts();

		parts.folder = mkdtempSync(path.join(tmpdir(), "switchboard-parts-"));
		chmodSync(parts.folder, 0o755);
		const [webPort, simulatorPort] = await freePorts();

		parts.url = `http://127.0.0.1:${webPort}`;
		parts.webPort = webPort;
		parts.simulatorPort = simulatorPort;
		try {
			parts.database = await Database.make(path.join(parts.folder, "postgres"));
			parts.stack = await startStack({ env: {
				SWITCHBOARD_DATABASE_URL: parts.database.url,
				SWITCHBOARD_PUBLIC_URL: parts.url,
				SWITCHBOARD_API_URL: `http://127.0.0.1:${simulatorPort}/v1`,
				SWITCHBOARD_KEY_URL: `http://127.0.0.1:${simulatorPort}/key`,
				SWITCHBOARD_APP_ID: APP_ID,
				SWITCHBOARD_CLIENT_ID: CLIENT_ID,
				SWITCHBOARD_CLIENT_SECRET: CLIENT_SECRET,
				...env,
			} });
			await parts.startWeb();
			parts.stack.simulatorUrl = `http://127.0.0.1:${simulatorPort}`;
			await parts.startSimulator();
			await waitFor(async () => (await parts.control("GET", "state")).app.targetStatus === "CONFIRMED",
				{ timeoutMs: 30000, what: "the confirmation of the webhook" });
		} catch (error) {
			await parts.stop().catch(() => {});
			throw error;
		}
		return parts;
	}

	get simulatorUrl() {
		return this.stack.simulatorUrl;
	}

	psql(...args) {
		return this.stack.psql(...args);
	}

	rows(...args) {
		return this.stack.rows(...args);
	}

	control(...args) {
		return this.stack.control(...args);
	}

	request(where, options) {
		return this.stack.request(new URL(where, this.url), options);
	}

	log(name) {
		return this.stack.log(name);
	}

	/** PIDs of webhook, dashboard, oauth, events or worker. */
	pids(program) {
		return this.stack.pids(PROGRAMS[program]);
	}

	/** kill -9 of all processes of a program; its supervisor starts new ones. */
	kill(program) {
		const pids = this.pids(program);

		for (const pid of pids)
			signal(pid, "SIGKILL");
		return pids;
	}

	/** Until as many of a program run as before, and none of those that died. */
	async returned(program, dead) {
		await waitFor(() => {
			const pids = this.pids(program);

			return pids.length >= dead.length && pids.every((pid) => !dead.includes(pid));
		}, { timeoutMs: 30000, what: `${program} to be started again` });
	}

	// ---- the simulated platform ----

	get simulatorFile() {
		return path.join(this.folder, "simulator.json");
	}

	async startSimulator() {
		this.simulator = new Child([path.join(this.stack.stateDir, "app/bin/switchboard-simulator"),
			"--port", String(this.simulatorPort), "--state", this.simulatorFile, "--target", `${this.url}/`,
			"--app-id", APP_ID, "--client-id", CLIENT_ID, "--redirect-uri", `${this.url}/oauth/callback`,
		], { log: path.join(this.stack.stateDir, "log/simulator.log"),
			env: { ...process.env, SIMULATOR_CLIENT_SECRET: CLIENT_SECRET } });
		await waitFor(() => this.control("GET", "settings"), { what: "the simulator" });
	}

	/**
	 * The simulator saves its state within 100 ms of a change.  The platform forgets nothing it has said,
	 * so it may only be killed when what it said is in the file.
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

	// ---- the web server ----

	/** The demo's configuration at an address of our own, with a master that may die. */
	async startWeb() {
		const work = path.join(this.folder, "nginx");
		const { stateDir, port } = this.stack;
		const read = (name) => readFileSync(path.join(stateDir, "etc", name), "utf8");

		if (this.web === undefined) {
			mkdirSync(work);
			if (isRoot)
				chownSync(work, await idOf("switchboard"), -1);
			writeFileSync(path.join(work, "switchboard.conf"), read("switchboard.conf")
				.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${this.webPort}`).replaceAll(`${stateDir}/log`, work));
			writeFileSync(path.join(work, "nginx.conf"), read("nginx.conf")
				.replaceAll(`${stateDir}/nginx`, work).replaceAll(`${stateDir}/log`, work)
				.replaceAll(`${stateDir}/etc`, work));
		}
		this.web = new Child(["/usr/sbin/nginx", "-p", `${work}/`,
			"-e", path.join(work, "error.log"), "-c", path.join(work, "nginx.conf")],
		{ user: "switchboard", end: "TERM", log: path.join(this.folder, "nginx.log") });
		await waitFor(async () => (await this.request("/static/switchboard.css")).status === 200, { what: "the web server" });
	}

	/** kill -9 of the master, then of what it left, as a supervisor does with a control group. */
	async killWeb() {
		const task = `/proc/${this.web.pid}/task/${this.web.pid}/children`;
		const workers = readFileSync(task, "utf8").split(" ").filter(Boolean).map(Number);

		await this.web.kill();
		for (const pid of workers)
			signal(pid, "SIGKILL");
		await waitFor(() => workers.every((pid) => !this.isRunning(pid)), { what: "the web server's workers to be gone" });
	}

	isRunning(pid) {
		try {
			return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
		} catch {
			return false;
		}
	}

	// ---- the end ----

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
		await step(() => this.web?.kill("SIGTERM"));
		await step(() => this.stack?.stop());
		await step(() => this.simulator?.kill("SIGTERM"));
		await step(() => this.database?.stop("immediate"));
		rmSync(this.folder, { recursive: true, force: true });
		if (problems.length > 0)
			throw problems[0];
	}
}
