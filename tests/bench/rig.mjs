// What the figures share: the whole stack with many installations in it, the same web server in front of
// empty programs to compare with, signed webhooks, load, and the processor time that each part used.
import { execFile, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, request, startStack, top, waitFor } from "../stack.mjs";

const run = promisify(execFile);
export const tools = path.join(process.env.SWITCHBOARD_BUILD_DIR ?? path.join(top, "build"), "tests/bench");

export const INSTALLATIONS = 500;
export const DEVICES = 20;
const KEY_ID = "/bench/key";

export const installation = (n) => `bench-${String(n).padStart(6, "0")}`;
/** The cookie of a browser that is signed in as the owner of an installation. */
export const cookieOf = (n) => `session=${installation(n).padEnd(43, "A")}`;

/** The median; of an even number of values the upper of the two in the middle. */
export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
export const harmonic = (...rates) => 1 / rates.reduce((sum, rate) => sum + 1 / rate, 0);

/** Seconds of processor time that a process has used, 0 when it is gone. */
function cpuOf(pid) {
	try {
		const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");

		return (Number(fields[11]) + Number(fields[12])) / 100;
	} catch {
		return 0;
	}
}

/** The same of a process and its children. */
const cpuOfFamily = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean)
	.reduce((sum, child) => sum + cpuOfFamily(child), cpuOf(pid));

function residentOf(pid) {
	try {
		return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
	} catch {
		return 0;
	}
}

const asService = process.getuid() === 0 ? ["--reuid=switchboard", "--regid=switchboard", "--clear-groups"] : [];

/** nginx with the stack's configuration, and programs behind it that are not the stack's. */
class Front {
	#children = new Map();

	constructor(rig, folder, port) {
		Object.assign(this, { folder, port });
		mkdirSync(folder);
		chmodSync(folder, 0o777);
		const etc = path.join(realpathSync(path.join(rig.stack.stateDir, "log")), "../etc");
		const here = (name) => readFileSync(path.join(etc, name), "utf8")
			.replace(/listen \S+;/, `listen 127.0.0.1:${port};`)
			.replace(/unix:[^;]*\//g, `unix:${folder}/`)
			.replace(/access_log \/[^ ]*/, `access_log ${folder}/access.log`)
			.replace(/error_log \/[^ ]*\.log/, `error_log ${folder}/error.log`)
			.replace(/include .*switchboard.conf;/, `include ${folder}/switchboard.conf;`)
			.replace(/pid .*;/, `pid ${folder}/nginx.pid;`)
			.replace(/_temp_path \S*\//g, `_temp_path ${folder}/`);

		for (const name of ["switchboard.conf", "nginx.conf"])
			writeFileSync(path.join(folder, name), here(name));
	}

	socket(name) {
		return path.join(this.folder, `${name}.sock`);
	}

	/** Start a command that makes its own socket; returns when that exists.  "onOutput" gets its stderr. */
	async start(name, command, { env = process.env, signal = "KILL", onOutput } = {}) {
		const child = spawn("setpriv", [...asService, "--pdeathsig", signal, "--", ...command],
			{ stdio: ["ignore", "ignore", onOutput ? "pipe" : "ignore"], cwd: "/", env });

		if (onOutput)
			child.stderr.on("data", (text) => onOutput(String(text)));
		child.ended = new Promise((resolve) => child.on("close", resolve));
		this.#children.set(name, child);
		if (name !== "nginx")
			await waitFor(() => existsSync(this.socket(name)), { what: `${name}'s socket` });
	}

	/** Start the web server; returns when it answers. */
	async listen() {
		const folder = this.folder;

		await this.start("nginx", ["/usr/sbin/nginx", "-p", `${folder}/`, "-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`],
			{ signal: "TERM" });
		await waitFor(() => request(`http://127.0.0.1:${this.port}/static/`).then(() => true), { what: "the web server" });
	}

	/** Seconds of processor time used so far, { nginx, programs }. */
	cpu() {
		const used = { nginx: 0, programs: 0 };

		for (const [name, { pid }] of this.#children)
			used[name === "nginx" ? "nginx" : "programs"] += cpuOfFamily(pid);
		return used;
	}

	async end(name, signal = "SIGTERM") {
		const child = this.#children.get(name);

		this.#children.delete(name);
		child?.kill(signal);
		await child?.ended;
		rmSync(this.socket(name), { force: true });
	}

	async stop() {
		for (const name of ["nginx", ...this.#children.keys()])
			await this.end(name, name === "nginx" ? "SIGTERM" : "SIGKILL");
	}
}

class Rig {
	/** Start everything, with that many installations of "devices" lamps and a session for each owner. */
	static async make({ installations = INSTALLATIONS, devices = DEVICES, env } = {}) {
		const rig = new Rig();

		rig.stack = await startStack({ env });
		try {
			rig.folder = path.join(rig.stack.stateDir, "bench");
			mkdirSync(rig.folder);
			chmodSync(rig.folder, 0o777);
			rig.processes = rig.stack.pids("webhook.fcgi").length;
			await rig.makeKey();
			await rig.makeInstallations(installations, { devices });
		} catch (error) {
			await rig.stop();
			throw error;
		}
		return rig;
	}

	/** Store a certificate in the database, as if it had just been fetched. */
	async makeKey() {
		this.keyFile = path.join(this.folder, "key.pem");
		execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench",
			"-keyout", this.keyFile, "-out", path.join(this.folder, "certificate.pem")], { stdio: "ignore" });
		await this.stack.psql(`INSERT INTO switchboard.signing_key (key_id, certificate, not_after, fetched_at)
			VALUES ('${KEY_ID}', '${readFileSync(path.join(this.folder, "certificate.pem"), "utf8")}',
				now() + interval '2 days', now())`);
	}

	/** Installations in the database only: without tokens and jobs the worker makes no calls for them. */
	async makeInstallations(count, { from = 0, devices = DEVICES } = {}) {
		await this.stack.psql(`BEGIN;
			CREATE TEMP TABLE made ON COMMIT DROP AS SELECT 'bench-' || lpad(n::text, 6, '0') AS id, n
				FROM generate_series(${from}, ${from + count - 1}) AS n;
			INSERT INTO user_account (owner_id) SELECT 'owner-' || id FROM made;
			INSERT INTO installation (installation_id, user_id, location_id, location_name, status, sync_state, synced_at)
				SELECT m.id, u.user_id, 'location', 'Home', 'active', 'done', now()
				FROM made m JOIN user_account u ON u.owner_id = 'owner-' || m.id;
			INSERT INTO access (installation_id, user_id, role)
				SELECT m.id, u.user_id, 'owner' FROM made m JOIN user_account u ON u.owner_id = 'owner-' || m.id;
			-- In the order in which a sync writes them: the rows of an installation lie side by side.
			INSERT INTO room (installation_id, room_id, name)
				SELECT m.id, 'r' || r, 'Room ' || r FROM made m, generate_series(1, 5) AS r;
			INSERT INTO device (installation_id, device_id, name, room_id, online)
				SELECT m.id, 'lamp-' || d, 'Lamp ' || d, 'r' || 1 + d % 5, true
				FROM made m, generate_series(0, ${devices - 1}) AS d ORDER BY m.n, d;
			INSERT INTO switch (installation_id, device_id, component, state, state_at, state_stored_at, seq)
				SELECT m.id, 'lamp-' || d, 'main', 'off', now() - interval '1 hour', now(), 1
				FROM made m, generate_series(0, ${devices - 1}) AS d ORDER BY m.n, d;
			INSERT INTO session (session_hash, user_id, expires_at)
				SELECT sha256(rpad(m.id, 43, 'A')::bytea), u.user_id, now() + interval '1 day'
				FROM made m JOIN user_account u ON u.owner_id = 'owner-' || m.id;
			COMMIT;`);
		await this.stack.psql("VACUUM ANALYZE");
	}

	/**
	 * The stack's own web server configuration once more, on a port of its own and in front of
	 * other programs: see Front.
	 */
	async front(name) {
		const [port] = await freePorts();

		return new Front(this, path.join(this.folder, `${name}-${port}`), port);
	}

	/** A front with "processes" empty programs whose answers have "bytes" bytes; with "databaseUrl" they read a row first. */
	async twin({ processes = this.processes, bytes, databaseUrl }) {
		const front = await this.front("twin");
		const words = [String(processes), String(bytes), ...(databaseUrl ? [databaseUrl] : [])];

		for (const name of ["webhook", "dashboard"])
			await front.start(name, [this.tool("empty"), front.socket(name), ...words]);
		await front.listen();
		return front;
	}

	/** A copy of a C program where the service user can run it. */
	tool(name) {
		const copy = path.join(this.folder, name);

		execFileSync("install", ["-C", "-m", "755", path.join(tools, name), copy]);
		return copy;
	}

	/** A file of "count" webhooks signed now. */
	async sign(count, { first = 0, installations = INSTALLATIONS, devices = DEVICES, port = this.stack.port } = {}) {
		const file = path.join(this.folder, `webhooks-${port}-${first}`);

		await run(path.join(tools, "sign"), [this.keyFile, KEY_ID, count, first, installations, devices, port, file].map(String));
		return file;
	}

	/** A file of requests in the format of the C programs: each after its length. */
	requests(name, texts) {
		const file = path.join(this.folder, name);

		writeFileSync(file, Buffer.concat(texts.flatMap((text) =>
			[Buffer.from(new Uint32Array([Buffer.byteLength(text)]).buffer), Buffer.from(text)])));
		return file;
	}

	/** GET with the cookie of an installation's owner. */
	get(n, where, port = this.stack.port) {
		return `GET ${where} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n` +
			`Cookie: ${cookieOf(n)}\r\n\r\n`;
	}

	/** Send the requests of a file; returns what load.c prints.  Without "any" an answer other than 200 is an error. */
	async load(file, { port = this.stack.port, connections, seconds, rate = 0, again = false, any = false }) {
		const { stdout } = await run(path.join(tools, "load"),
			[port, connections, seconds, rate, file, ...(again ? ["again"] : [])].map(String));
		const result = JSON.parse(stdout);

		if ((result.bad > 0 && !any) || result.broken > 0 || result.requests === 0)
			throw new Error(`load on port ${port}: ${stdout}`);
		return result;
	}

	/** Seconds of processor time used so far, by part of the stack. */
	cpu() {
		const used = { webhook: 0, dashboard: 0, nginx: 0, postgres: 0, events: 0, worker: 0, other: 0 };

		for (const { pid, command } of this.stack.processes()) {
			const name = path.basename(command.split(" ")[0]);
			const part = /^nginx/.test(command) ? "nginx" :
				/postgres/.test(command) ? "postgres" :
					/^(webhook|dashboard)\.fcgi$/.test(name) ? name.replace(".fcgi", "") :
						/^switchboard-(events|worker)$/.test(name) ? name.replace("switchboard-", "") : "other";

			used[part] += cpuOf(pid);
		}
		return used;
	}

	/** Resident KB of each process called "name". */
	resident(name) {
		return this.stack.pids(name).map(residentOf);
	}

	/** Resident KB of the web server, all processes. */
	nginxResident() {
		return this.stack.processes().filter(({ command }) => command.startsWith("nginx"))
			.reduce((sum, { pid }) => sum + residentOf(pid), 0);
	}

	async stop() {
		await this.stack.stop();
	}
}

/** See Rig.make(). */
export const makeRig = (options) => Rig.make(options);

/** Microseconds per unit that each part used between two readings of cpu(). */
export const cpuPer = (before, after, units) =>
	Object.fromEntries(Object.keys(before).map((part) => [part, ((after[part] - before[part]) * 1e6) / units]));

/** A time in microseconds as text. */
export const ms = (us) => (us < 995 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(us < 9950 ? 2 : 1)} ms`);

export const rate = (perSecond) => `${Math.round(perSecond)}/s`;
